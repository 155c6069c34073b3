"""Numbers of a bundle that are sound one by one, and together would take more than a model does."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from molfleet.bundles.archive import open_bundle
from molfleet.bundles.estimators import references
from molfleet.bundles.estimators.references import References
from molfleet.bundles.estimators.space import Encoded
from molfleet.bundles.manifest import MANIFEST
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import make


@pytest.mark.parametrize(("name", "most"), [("estimators", 1024), ("featurizers", 256)])
def test_one_part_named_again_and_again_is_refused_before_it_is_loaded(
    tmp_path: Path, name: str, most: int
) -> None:
    made = make(tmp_path / "model.molmodel")
    path = tmp_path / "bad"
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == MANIFEST:
                told = json.loads(data)
                data = json.dumps({**told, name: told[name] * (most + 1)}).encode()
            new.writestr(info.filename, data)
    with pytest.raises(Rejected, match=f"{name}: Tuple should have at most {most} items") as caught:
        open_bundle(path, max_bytes=1 << 26)
    assert caught.value.code is Code.INVALID_MODEL


def test_counts_whose_levels_would_take_many_times_their_room_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(references, "_HARMLESS_BYTES", 1 << 10)
    every = np.tile(np.arange(256, dtype=np.uint8)[:, np.newaxis], (1, 4))
    nothing = np.zeros((256, 0), np.int8)
    with pytest.raises(ValueError, match="1020 levels, too many for its columns"):
        References(Encoded(every, nothing))
    assert len(References(Encoded(np.minimum(every, 20), nothing))) == 256
