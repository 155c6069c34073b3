"""Who is tested on whom: the held-out test set, the folds, the sub-sample. All seeded.

Records of one molecule (replicates that were kept) always stay together, so that no molecule is
predicted from itself; the splits by scaffold, cluster and column keep whole groups of molecules
together, in the test set and in the folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from molfleet.catalogue import Catalogue
from molfleet.errors import Code, Rejected
from workers.modeler.splits.column import by_column
from workers.modeler.splits.dealing import at_random, by_strata, dealt, sub_sample
from workers.modeler.splits.grouping import Groups, grouped, numbered
from workers.modeler.splits.samples import (
    QUANTILES,
    TEST_FOLD,
    Indices,
    Molecules,
    Partition,
    Samples,
    by_molecule,
)
from workers.modeler.splits.scaffolds import cluster_groups, scaffold_groups

__all__ = [
    "QUANTILES",
    "SPLITS",
    "TEST_FOLD",
    "Indices",
    "Partition",
    "Samples",
    "Split",
    "find_split",
    "sub_sample",
]

_COLUMN = "column:"


@dataclass(frozen=True)
class Split:
    """One row: `divide(molecules, test_set_size, k_fold, rng)` gives each molecule's fold.

    `column` names the field of the file whose texts the samples must bring along, if any. `gather`
    says what the group of each molecule is called, where the split has to find the groups.
    """

    code: str
    title: str
    divide: Callable[[Molecules, float, int, np.random.Generator], Indices]
    aliases: tuple[str, ...] = ()
    column: str | None = None
    gather: Callable[[Molecules], Sequence[str]] | None = None

    def gathered(self, samples: Samples) -> Samples:
        """The samples with the groups that this split keeps together; finding these may take minutes.

        Some of such samples keep the groups of all, and are divided without a search. Raises
        Rejected(UNSUITABLE_TARGET) where they are too many to be grouped.
        """
        if self.gather is None or self.code in samples.together:
            return samples
        molecules, molecule_of = by_molecule(samples)
        names = self.gather(molecules)
        own = [names[molecule] for molecule in molecule_of.tolist()]
        return replace(samples, together={**samples.together, self.code: own})

    def partition(self, samples: Samples, test_set_size: float, k_fold: int, seed: int) -> Partition:
        """A test set (a share of the molecules, 0 to 0.5) and `k_fold` folds (2 to 10) over the rest.

        Raises Rejected(UNSUITABLE_TARGET) where groups that must stay together do not allow it.
        """
        molecules, molecule_of = by_molecule(self.gathered(samples))
        folds = self.divide(molecules, test_set_size, k_fold, np.random.default_rng(seed))
        return Partition(folds[molecule_of], k_fold)


def _together(
    code: str, what: str, molecules: Molecules, share: float, k_fold: int, rng: np.random.Generator
) -> Indices:
    groups = Groups(code, what, *numbered(molecules.together[code]))
    return grouped(molecules, groups, share, k_fold, rng)


SPLITS: Catalogue[Split] = Catalogue(
    "split",
    (
        Split(
            "stratified",
            "Each part has the same share of every class or quantile",
            partial(dealt, order=by_strata),
        ),
        Split("random", "By lot", partial(dealt, order=at_random)),
        Split(
            "scaffold",
            "Molecules of one Bemis-Murcko scaffold stay together, acyclic ones by similarity",
            partial(_together, "scaffold", "scaffolds"),
            gather=scaffold_groups,
        ),
        Split(
            "butina",
            "Clusters of similar molecules stay together",
            partial(_together, "butina", "clusters"),
            gather=cluster_groups,
        ),
    ),
)


def find_split(name: str) -> Split:
    """The split of that name, or of a column of the file: `column:NAME`. Raises Rejected(UNKNOWN_NAME)."""
    if name.lower().startswith(_COLUMN):
        column = name[len(_COLUMN) :].strip()
        if not column:
            raise Rejected(
                Code.UNKNOWN_NAME,
                "The split column:NAME needs the name of a column.",
                details={"kind": "split", "name": name},
            )
        title = f"The parts or groups in the column {column!r}"
        return Split(_COLUMN + column, title, partial(by_column, column), column=column)
    try:
        return SPLITS.get(name)
    except Rejected as refusal:
        sentence = f"{refusal.message} A column of the file is named as column:NAME."
        raise Rejected(refusal.code, sentence, details=refusal.details) from None
