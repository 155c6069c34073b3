from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.chemistry.featurizers import FEATURIZERS, parse_spec
from workers.feature_vectors.counts import ColumnCounts

DESC = FEATURIZERS.build(parse_spec("DESC::names=MolWt,TPSA,Ipc"))
ECFP = FEATURIZERS.build(parse_spec("ECFP:64:2"))
ECFC = FEATURIZERS.build(parse_spec("ECFC:64:2"))


def descriptors() -> np.ndarray:
    rows = np.random.default_rng(1).normal(1000, 3, (50, 3)).astype(np.float32)
    rows[::3, 1] = np.nan
    rows[:, 2] = np.nan
    return rows


@given(cuts=st.lists(st.integers(0, 50), max_size=6))
def test_moments_are_numpys_own_however_the_rows_are_cut(cuts: list[int]) -> None:
    rows = descriptors()
    total = ColumnCounts.none(DESC)
    for part in np.split(rows, sorted(cuts)):
        total.add(ColumnCounts.of(DESC, part))
    assert total.moments is not None
    *full, empty = total.moments.rows()
    for column, found in enumerate(full):
        values = rows[:, column].astype(np.float64)
        assert found["mean"] == pytest.approx(float(np.nanmean(values)), rel=1e-12)
        assert found["std"] == pytest.approx(float(np.nanstd(values)), rel=1e-9)
        assert (found["min"], found["max"]) == (float(np.nanmin(values)), float(np.nanmax(values)))
    assert [found["missing"] for found in (*full, empty)] == [0, 17, 50]
    assert empty["mean"] is None
    assert (total.rows, total.set_values) == (50, 83)


@pytest.mark.parametrize("featurizer", [ECFP, ECFC], ids=["bits", "counts"])
def test_columns_that_no_row_sets_are_counted(featurizer: object) -> None:
    kind = ECFP if featurizer is ECFP else ECFC
    dense = np.zeros((4, 64), np.uint16)
    dense[0, 3] = dense[2, 3] = dense[3, 60] = 1
    rows = np.packbits(dense, axis=1, bitorder="little") if kind is ECFP else dense
    total = ColumnCounts.none(kind)
    assert total.never_set(64) == 64
    for part in np.split(rows, [1, 2]):
        total.add(ColumnCounts.of(kind, part))
    assert (total.set_values, total.never_set(64)) == (3, 62)


def test_counts_come_back_from_json_to_the_last_bit() -> None:
    for featurizer, rows in ((DESC, descriptors()), (ECFP, np.full((3, 8), 5, np.uint8))):
        for counts in (
            ColumnCounts.of(featurizer, rows, Counter(overflows=2, unseen=1)),
            ColumnCounts.none(featurizer),
        ):
            document = json.loads(json.dumps(counts.to_json(), allow_nan=False))
            assert ColumnCounts.of_json(document).to_json() == counts.to_json()
            assert ColumnCounts.of_json(document).rows == counts.rows
