"""A split that the user has made: the parts, or groups that stay together, in a column of the file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from molfleet.errors import Code, Rejected
from workers.modeler.splits.dealing import by_strata
from workers.modeler.splits.grouping import Groups, folds_of, grouped, numbered
from workers.modeler.splits.samples import TEST_FOLD, Indices, Molecules

_TEST = ("test",)
_TRAINING = ("train", "training")
_VALIDATION = ("valid", "validation")


def by_column(
    name: str, molecules: Molecules, share: float, k_fold: int, rng: np.random.Generator
) -> Indices:
    """Each molecule's fold, as the texts of the column `name` have it (any case, blanks around it apart).

    Only train, training, test, valid, validation: these are the parts. `test` is the test part, whatever
    test_set_size says; `valid` is one fold, so that its figures are those of a model of the other training
    records; the rest, blank ones included, is dealt into the other folds, stratified.

    Other texts are groups that stay together; a molecule without one is a group of its own. A group
    called `test` is the test part; without it, whole groups are held out until test_set_size is met as
    nearly as they allow. Where as many groups as folds are left, each is a fold. Raises Rejected.
    """
    if molecules.groups is None:
        raise ValueError("this split needs the texts of the user's column")
    texts = [text.strip() for text in molecules.groups]
    words = [text.lower() for text in texts]
    told = set(words) - {""}
    if not told:
        raise _unusable(name, "it is empty in all records used")
    is_test = np.isin(words, _TEST)
    if is_test.all():
        raise _unusable(name, "it names test records and none to train on")
    if told <= {*_TEST, *_TRAINING, *_VALIDATION}:
        return _predefined(name, molecules, words, k_fold, rng)
    # No stripped text ends in a blank, so that none of these is a user's.
    numbers, names = numbered([text or f"molecule {row} " for row, text in enumerate(texts)])
    groups = Groups(f"column:{name}", f"groups of the column {name!r}", numbers, names, whole=True)
    if not is_test.any():
        return grouped(molecules, groups, share, k_fold, rng)
    return folds_of(molecules, groups, np.unique(numbers[is_test]), k_fold, rng)


def _predefined(
    name: str, molecules: Molecules, words: Sequence[str], k_fold: int, rng: np.random.Generator
) -> Indices:
    folds = np.zeros(len(words), dtype=np.int64)
    is_test, is_validation = np.isin(words, _TEST), np.isin(words, _VALIDATION)
    rest = np.flatnonzero(~is_test & ~is_validation)
    first = 1 if is_validation.any() else 0
    if len(rest) < k_fold - first:
        raise _unusable(
            name, f"it leaves {len(rest)} molecules to train on, too few for a k_fold of {k_fold}"
        )
    order = rest[by_strata(molecules.task, molecules.values[rest], rng)]
    folds[order] = first + np.arange(len(rest)) % (k_fold - first)
    folds[is_test] = TEST_FOLD
    return folds


def _unusable(name: str, why: str) -> Rejected:
    return Rejected(
        Code.UNSUITABLE_TARGET,
        f"The column {name!r} makes no split: {why}.",
        details={"split": f"column:{name}"},
    )
