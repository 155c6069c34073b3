"""What docs/FEATURES.md and the example say works on a real file."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from molfleet import features
from tests.paths import ROOT
from tests.unit.features.files import NAMES, VALUES, Truth


def test_the_example_reads_what_the_reader_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Truth().write(tmp_path, "parquet")
    example = runpy.run_path(str(ROOT / "examples" / "python" / "read_features.py"))
    parts = list(example["batches"](str(path)))
    table = features.read(path)
    np.testing.assert_array_equal(np.concatenate([records for records, _ in parts]), table.records)
    for name, array in table.arrays.items():
        np.testing.assert_array_equal(np.vstack([arrays[name] for _, arrays in parts]), array)
    example["main"](str(path))
    assert f"{VALUES}: {', '.join(NAMES)}" in capsys.readouterr().out


def test_the_python_of_the_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Truth().write(tmp_path, "parquet")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "FEATURES.md").read_text("utf-8"), re.S)
    (tmp_path / "documented.py").write_text(code.replace("ECFP_2048_2", "ECFP_21_2"))
    assert len(runpy.run_path("documented.py")["table"]) == 0  # there are no rows 1,000 to 2,000
