from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import rdBase

from molfleet.chemistry.featurizers import FEATURIZERS, parse_spec
from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.records import open_records
from molfleet.chemistry.standardize import STANDARDIZE
from tests.unit.chemistry.samples import nci_smiles, write
from workers.feature_vectors.chunks import ChunkResult, ChunkWork
from workers.feature_vectors.counts import ColumnCounts, Moments
from workers.feature_vectors.summary import Totals, write_summary
from workers.feature_vectors.table import Layout

SPECS = [parse_spec(text) for text in ("ECFP:64:2", "ECFC:64:2", "DESC:names=MolWt,MolLogP,Ipc")]
#: Its Ipc is beyond float32.
BIG = "c1ccccc1" * 21
TEXT = "\n".join([*nci_smiles(30), "broken", "CS(C)=O.O.[Na+]", "C(", BIG, "[Cl-].C[NH3+]"])


def layout() -> Layout:
    return Layout(("smiles",), tuple(FEATURIZERS.build_all(SPECS)), {})


def results(path: Path, per_chunk: int) -> list[ChunkResult]:
    silence()
    work = ChunkWork(
        records=open_records(path),
        featurizers=layout().featurizers,
        standardize=STANDARDIZE.get("parent-neutral").build(),
        identifiers=[],
        carried=["title"],
    )
    chunks = work.records.chunks(per_chunk)
    return [work(chunk, lambda record, step=0: None) for chunk in chunks]


def totals_of(found: list[ChunkResult]) -> Totals:
    totals = Totals(layout())
    for result in found:
        totals.add(result)
    return totals


def summary_of(totals: Totals, directory: Path, **about: Any) -> dict[str, Any]:
    path = write_summary(directory / "summary.json", totals, "parent-neutral", **about)
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def lasting(summary: dict[str, Any]) -> dict[str, Any]:
    timings = ("elapsed_s", "records_per_s", "seconds")
    return {key: value for key, value in summary.items() if key not in timings}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("source"), "a.smi", TEXT)


@pytest.fixture(scope="module")
def whole(source: Path) -> list[ChunkResult]:
    return results(source, 100)


def test_the_statistics_are_those_of_the_vectors(whole: list[ChunkResult], tmp_path: Path) -> None:
    summary = summary_of(totals_of(whole), tmp_path)
    bits, counts, descriptors = (
        np.vstack([featurizer.unpack(result.vectors[index]) for result in whole]).astype(np.float64)
        for index, featurizer in enumerate(layout().featurizers)
    )
    for column, rows in zip(summary["columns"], (bits, counts), strict=False):
        assert column["density"] == pytest.approx((rows > 0).mean())
        assert column["never_set"] == (rows == 0).all(axis=0).sum()
    found = summary["columns"][2]
    assert list(found["descriptors"]) == ["MolWt", "MolLogP", "Ipc"]
    for numbers, values in zip(found["descriptors"].values(), descriptors.T, strict=True):
        present = values[~np.isnan(values)]
        assert (numbers["count"], numbers["missing"]) == (len(present), len(values) - len(present))
        assert (numbers["min"], numbers["max"]) == (present.min(), present.max())
        assert numbers["mean"] == pytest.approx(present.mean(), rel=1e-12)
        assert numbers["std"] == pytest.approx(present.std(), rel=1e-9)
    assert found["descriptors"]["Ipc"]["missing"] == found["overflows"] == 1


def test_records_failures_and_changes_are_counted(whole: list[ChunkResult], tmp_path: Path) -> None:
    summary = summary_of(totals_of(whole), tmp_path)
    assert (summary["records"], summary["structures"], summary["failed"]) == (35, 33, 2)
    assert summary["codes"] == {"UNPARSABLE": 2}
    assert summary["changed"] == totals_of(whole).changed
    assert summary["changed"]["normalize"] == 1
    assert summary["changed"]["fragment"] >= 2
    assert set(summary["seconds"]) == {"parse", "standardize", "featurize", "identify"}
    assert summary["records_per_s"] > 0


@pytest.fixture(scope="module")
def pieces(source: Path) -> list[ChunkResult]:
    return results(source, 6)


def test_however_the_work_was_cut_the_summary_is_the_same(
    whole: list[ChunkResult], pieces: list[ChunkResult], tmp_path: Path
) -> None:
    assert len(pieces) == 6
    cut = summary_of(totals_of(pieces), tmp_path)
    assert lasting(cut) == lasting(summary_of(totals_of(whole), tmp_path))


def test_parts_that_others_counted_merge_to_the_same_summary(
    whole: list[ChunkResult], pieces: list[ChunkResult], tmp_path: Path
) -> None:
    parts = [totals_of(pieces[4:]), totals_of(pieces[:1]), totals_of([]), totals_of(pieces[1:4])]
    merged = Totals(layout())
    for part in parts:
        merged.merge(json.loads(json.dumps(part.to_json(), allow_nan=False)))
    assert lasting(summary_of(merged, tmp_path)) == lasting(summary_of(totals_of(whole), tmp_path))


@given(
    values=st.lists(
        st.lists(st.floats(width=32, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=12
    ),
    cut=st.integers(0, 12),
)
@settings(max_examples=150, deadline=None)
def test_moments_are_exact_in_any_grouping(values: list[list[float]], cut: int) -> None:
    rows = np.array(values, np.float32)
    merged = Moments.of(rows[cut:])
    merged.add(Moments.of(rows[:cut]))
    whole = Moments.of(rows)
    assert (merged.total, merged.squares) == (whole.total, whole.squares)
    assert list(merged.rows()) == list(whole.rows())
    for found, column in zip(whole.rows(), rows.astype(np.float64).T, strict=True):
        exact = [value.as_integer_ratio() for value in column.tolist() if value == value]
        assert found["count"] == len(exact)
        if exact:
            unit = 2**149  # every float32 is a whole number of its inverse
            total = sum(above * (unit // below) for above, below in exact)
            assert found["mean"] == total / (len(exact) * unit)


def test_a_column_without_any_row_has_no_numbers(tmp_path: Path) -> None:
    summary = summary_of(Totals(layout()), tmp_path)
    bits, _, descriptors = summary["columns"]
    assert (bits["density"], bits["never_set"]) == (0.0, 64)
    assert descriptors["descriptors"]["MolWt"] == {
        "count": 0,
        "missing": 0,
        "min": None,
        "max": None,
        "mean": None,
        "std": None,
    }


def test_the_summary_says_what_was_read_asked_for_and_used(tmp_path: Path) -> None:
    rejects = {"bucket": "outputs", "key": "1/rejects.sdf"}
    summary = summary_of(
        Totals(layout()),
        tmp_path,
        file_type="csv",
        structure_column="smiles",
        record_time_limit_s=5.0,
        rejects_sdf=rejects,
    )
    assert (summary["file_type"], summary["structure_column"]) == ("csv", "smiles")
    assert (summary["standardize"], summary["record_time_limit_s"]) == ("parent-neutral", 5.0)
    assert summary["rejects_sdf"] == rejects
    assert [parse_spec(text).type for text in summary["featurizers"]] == ["ECFP", "ECFC", "DESC"]
    assert summary["versions"]["rdkit"] == rdBase.rdkitVersion
    assert summary["versions"]["pyarrow"] == pyarrow.__version__
    assert summary["versions"]["python"] == platform.python_version()


@pytest.mark.parametrize("text", ["ECFP", "ecfp:64", "ECFP:128:radius=0", "MACCS", "DESC:names=MolWt,"])
def test_the_full_text_of_a_spec_says_every_parameter_and_means_the_same(text: str) -> None:
    full = FEATURIZERS.build(parse_spec(text)).spec
    column = FEATURIZERS.build(parse_spec(text)).column
    assert FEATURIZERS.build(parse_spec(full)).column == column
    row = FEATURIZERS.get(full.split(":")[0])
    said = full.split(":", 1)[-1]
    assert all(f"{p.name}=" in said or p.name in ("size", "radius", "names") for p in row.parameters)


def test_wide_fingerprints_do_not_make_the_summary_long(tmp_path: Path) -> None:
    wide = Layout((), tuple(FEATURIZERS.build_all([parse_spec("ECFP:16384")])), {})
    path = write_summary(tmp_path / "summary.json", Totals(wide), "none")
    assert path.stat().st_size < 2000


def test_counts_read_back_from_json_as_they_were() -> None:
    for featurizer in layout().featurizers:
        rng = np.random.default_rng(5)
        rows = rng.integers(0, 3, (9, featurizer.width)).astype(featurizer.dtype)
        counts = ColumnCounts.of(featurizer, rows, Counter(overflows=2, unseen=1))
        again = ColumnCounts.of_json(json.loads(json.dumps(counts.to_json())))
        assert again.to_json() == counts.to_json()
