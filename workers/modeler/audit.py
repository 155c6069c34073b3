"""How much of the test set, and of each fold, the training records have all but told already.

A model answers for a near duplicate of what it was trained on from memory; a score over many of them is
no promise for new molecules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.similarity import Bits, neighbours
from workers.modeler.splits import SPLITS, TEST_FOLD, Indices, Partition, Samples

#: Tanimoto similarity (ECFP4, 2048 bits) from which a record counts as a near duplicate, or as close.
NEAR_DUPLICATE = 0.9
CLOSE = 0.8
#: Of more records a seeded sample is looked at, in the test set and in the folds each: the cost is their
#: number times that of the training records.
MAX_RECORDS = 5_000
HEADER = ("record", "part", "nearest_training_record", "similarity")


@dataclass(frozen=True)
class Nearest:
    """For some records of one kind of part the nearest record of what its model was trained on.

    All arrays are of one length: positions of the records, ascending, of the nearest (-1: none), and
    Tanimoto similarity. `of` is the number of records of which these are all, or a sample.
    """

    records: Indices
    nearest: Indices
    similarity: NDArray[np.float32]
    of: int

    def section(self) -> dict[str, Any]:
        """Counts and quantiles, ready for JSON."""
        similarity = self.similarity.astype(np.float64)
        told: dict[str, Any] = {
            "records": self.of,
            "looked_at": len(similarity),
            "identical_fingerprint": int((similarity == 1).sum()),
            "near_duplicate": int((self.similarity >= np.float32(NEAR_DUPLICATE)).sum()),
            "close": int((self.similarity >= np.float32(CLOSE)).sum()),
        }
        if len(similarity):
            quantiles = np.quantile(similarity, [0.05, 0.25, 0.5, 0.75, 0.95])
            told["mean_similarity"] = round(float(similarity.mean()), 4)
            told["similarity_quantiles"] = [round(float(value), 4) for value in quantiles]
        return told


@dataclass(frozen=True)
class Audit:
    """`test`: the test records against all training records. `folds`: each training record against the
    other folds, of which its validating model was made."""

    test: Nearest
    folds: Nearest
    partition: Partition

    def section(self) -> dict[str, Any]:
        """What the report says of leakage, ready for JSON. Each count includes the ones before it."""
        return {
            "fingerprint": "ECFP4, 2048 bits",
            "near_duplicate_from": NEAR_DUPLICATE,
            "close_from": CLOSE,
            "test": self.test.section(),
            "folds": self.folds.section(),
        }

    def rows(self, numbers: Sequence[int] | Indices) -> Iterator[tuple[str, str, str, str]]:
        """Rows under HEADER, test records first; `numbers` are the records' numbers in the file."""
        for kind in (self.test, self.folds):
            for record, nearest, similarity in zip(
                kind.records.tolist(), kind.nearest.tolist(), kind.similarity.tolist(), strict=True
            ):
                fold = int(self.partition.folds[record])
                yield (
                    str(numbers[record]),
                    "test" if fold == TEST_FOLD else f"fold {fold + 1}",
                    str(numbers[nearest]) if nearest >= 0 else "",
                    f"{similarity:.4f}",
                )


def audit(samples: Samples, partition: Partition, seed: int) -> Audit:
    """Look up the nearest training record of every test record, and the same between the folds."""
    if samples.ecfp4 is None:
        raise ValueError("the audit needs the ECFP4 fingerprints of the samples")
    bits, training = samples.ecfp4, partition.training
    rng = np.random.default_rng((seed, 2))
    return Audit(
        test=_nearest(bits, partition.test, training, None, rng),
        folds=_nearest(bits, training, training, partition.folds, rng),
        partition=partition,
    )


def _nearest(
    bits: Bits, records: Indices, training: Indices, folds: Indices | None, rng: np.random.Generator
) -> Nearest:
    looked_at = records
    if len(records) > MAX_RECORDS:
        looked_at = np.sort(rng.choice(records, MAX_RECORDS, replace=False))
    found = neighbours(
        bits[looked_at],
        bits[training],
        1,
        query_groups=None if folds is None else folds[looked_at],
        reference_groups=None if folds is None else folds[training],
    )
    rows = found.rows[:, 0]
    nearest = np.where(rows < 0, -1, training[rows] if len(training) else -1)
    return Nearest(looked_at, nearest, found.similarities[:, 0], len(records))


def scaffold_partition(samples: Samples, partition: Partition, seed: int) -> Partition:
    """The hold-out by scaffold whose score, beside that of `partition`, shows its optimism.

    One fold: all of its training records train one model. It holds out as large a share as `partition`
    does, or, where that has no test set, as large as one of its folds, so that both models see about as
    many records. Raises Rejected(UNSUITABLE_TARGET) where the scaffolds do not allow it.
    """
    held_out = partition.folds == TEST_FOLD
    molecules = np.unique(samples.molecules)
    share = len(np.unique(samples.molecules[held_out])) / max(len(molecules), 1)
    return SPLITS.get("scaffold").partition(samples, share or 1 / partition.k_fold, 1, seed)
