"""What `make up` and `make down` do before and after the processes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from molfleet.local import fleet


def test_a_shell_that_sources_the_environment_has_the_settings(tmp_path: Path) -> None:
    given = {"MOLFLEET_KAFKA_BOOTSTRAP": "127.0.0.1:9092", "MOLFLEET_BLOBS_URL": "file:///a b/$HOME"}
    fleet.write_environment(tmp_path / "fleet.env", given)
    script = f'. "{tmp_path / "fleet.env"}" && env'
    lines = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert {f"{name}={value}" for name, value in given.items()} <= set(lines.splitlines())


def test_where_nothing_is_up_down_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.down(tmp_path)
    assert capsys.readouterr().out == "No fleet was up.\n"


def test_a_process_that_took_over_the_number_of_a_worker_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"kind": "modeler", "pid": os.getpid()}, {"kind": "predictor", "pid": 2**22 - 1}]
    (tmp_path / "workers.json").write_text(json.dumps(rows))
    fleet.down(tmp_path)
    assert capsys.readouterr().out == "No fleet was up.\n"
    assert not (tmp_path / "workers.json").exists()


def test_other_words_than_up_and_down_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.main(["restart"]) == 2
    assert "up|down" in capsys.readouterr().err
