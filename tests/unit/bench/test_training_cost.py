"""The large set of the benchmark of training, and what is told of one training's cost."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.molecules import record
from bench.report import Report
from bench.site import RunFailed
from bench.training_cost import Source, computed, cost, measure
from bench.training_options import chosen_of
from bench.training_ours import Ours

_SMILES = [f"{'C' * length}c1ccc({end})cc1" for length in range(1, 13) for end in "ONFC"]


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    path = tmp_path / "molecules.sdf"
    records = [record(smiles) for smiles in _SMILES]
    path.write_bytes(b"".join(one for one in records if one is not None))
    return path


def test_each_molecule_of_the_large_set_has_a_value_of_its_structure_and_the_same_noise_again(
    molecules: Path,
) -> None:
    rows = list(computed(molecules))
    assert [smiles for smiles, _ in rows] == _SMILES
    assert rows == list(computed(molecules))
    longer = [value for smiles, value in rows if smiles.endswith("(C)cc1")]
    assert longer[-1] > longer[0] + 1


@pytest.mark.worker
def test_a_training_is_timed_and_what_it_took_is_kept(molecules: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as stream:
        rows = [(smiles, f"{value:.3f}", int(value > 2)) for smiles, value in computed(molecules)]
        csv.writer(stream).writerows([("smiles", "value", "high"), *rows])
    source, ours = Source("large", path, len(rows)), Ours("linearregression", "ECFP")
    found = measure(source, ours, "regression", 1, 120.0)
    assert 0 < found["inside"] < found["seconds"]
    assert sum(found["stages"].values()) == pytest.approx(found["seconds"], rel=0.2)
    assert found["records"] == len(rows)
    assert found["peak"] > 2**26
    with pytest.raises(RunFailed, match="value"):
        measure(Source("large", molecules, 1), ours, "regression", 1, 120.0)


def test_kept_costs_are_told_without_running_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    table = tmp_path / "molfleet" / "bench" / "training-7.csv"
    table.parent.mkdir(parents=True)
    table.write_text("smiles,value,high\n")
    arguments = ["--keep", str(tmp_path), "--large", "7", "--sets", "esol", "--part", "cost"]
    took = {"seconds": 10.0, "inside": 9.0, "stages": {"featurize": 0.5}, "model_bytes": 1, "peak": 2**31}
    for measuring in (lambda *_: took, None):
        monkeypatch.setattr("bench.training_cost.measure", measuring)
        report = Report("t")
        cost(chosen_of("", arguments), [Ours("lightgbm", "ECFP")], report)
    assert [round(figure.value, 6) for figure in report.figures] == [10.0, 2.0, 10.0, 5.0]
    assert [figure.met for figure in report.figures] == [None, True, True, None]
