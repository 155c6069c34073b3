"""Splits that keep groups of molecules together: which groups are held out, and which make each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import FloatArray
from workers.modeler.splits.samples import TEST_FOLD, Indices, Molecules, strata

#: So many seeded orders of the groups are tried for a test part that has every class and leaves every
#: class to train on.
_ORDERS = 20
#: A fold is full at so many times the mean size of the folds.
_FULL = 1.1


@dataclass(frozen=True)
class Groups:
    """For each molecule the number of its group (0, 1, ...), and for each group what to call it.

    `split` and `what` (plural) are for sentences: `scaffold`, `scaffolds`. `whole` allows test parts of a
    few large groups; without it, no group above half the size of the test part goes there, so that the
    test part is of many groups and is not decided by one of them.
    """

    split: str
    what: str
    numbers: Indices
    names: tuple[str, ...]
    whole: bool = False

    @property
    def sizes(self) -> Indices:
        return np.bincount(self.numbers, minlength=len(self.names)).astype(np.int64)


def grouped(
    molecules: Molecules, groups: Groups, share: float, k_fold: int, rng: np.random.Generator
) -> Indices:
    """Each molecule's fold. Raises Rejected(UNSUITABLE_TARGET) where the groups do not allow it."""
    held_out = _held_out(molecules, groups, share, rng)
    return folds_of(molecules, groups, held_out, k_fold, rng)


def folds_of(
    molecules: Molecules,
    groups: Groups,
    held_out: Indices,
    k_fold: int,
    rng: np.random.Generator,
) -> Indices:
    """Each molecule's fold where the groups `held_out` are the test part.

    Large groups first, each to the fold where the squares of its classes' (or quantiles') shares and of
    its size grow least: the folds become of one size and one make as far as the groups allow.
    """
    rest = np.setdiff1d(np.unique(groups.numbers), held_out)
    if len(rest) < k_fold:
        raise _too_few(groups, rest, len(held_out), k_fold)
    table = _table(molecules, groups)
    weights = 1.0 / np.maximum(table[rest].sum(axis=0), 1.0) ** 2
    shuffled = rng.permutation(rest)
    order = shuffled[np.argsort(-table[shuffled, -1], kind="stable")]
    fold_of = np.full(len(groups.names), TEST_FOLD, dtype=np.int64)
    filled = np.zeros((k_fold, table.shape[1]))
    for group in order:
        growth = filled @ (weights * table[group])
        sizes = filled[:, -1]
        full = sizes + table[group, -1] > _FULL * table[rest, -1].sum() / k_fold
        # Where no fold has room, the smallest takes it.
        fold = int(np.lexsort((sizes, growth, full))[0] if not full.all() else np.argmin(sizes))
        fold_of[group] = fold
        filled[fold] += table[group]
    names = rng.permutation(k_fold)
    named = np.where(fold_of == TEST_FOLD, TEST_FOLD, names[fold_of])
    return np.asarray(named[groups.numbers], dtype=np.int64)


def _table(molecules: Molecules, groups: Groups) -> FloatArray:
    """Molecules of each group by class or quantile; the last column is the size."""
    of = strata(molecules.task, molecules.values)
    table = np.zeros((len(groups.names), int(np.max(of, initial=0)) + 2))
    np.add.at(table, (groups.numbers, of), 1.0)
    table[:, -1] = table.sum(axis=1)
    return table


def _held_out(molecules: Molecules, groups: Groups, share: float, rng: np.random.Generator) -> Indices:
    """Groups in seeded order, each taken as far as it fits."""
    present = np.unique(groups.numbers)
    if share <= 0 or len(present) == 0:
        return present[:0]
    wanted = max(1, round(share * len(molecules)))
    table = _table(molecules, groups)
    best, fewest = present[:0], None
    for _ in range(_ORDERS):
        taken = _take(rng.permutation(present), groups.sizes, wanted, groups.whole)
        lacking = _lacking(table, taken, present)
        if fewest is None or lacking < fewest:
            best, fewest = taken, lacking
        if not lacking:
            break
    if 2 * groups.sizes[best].sum() < wanted:
        raise _too_large(groups, present, wanted, share)
    return best


def _take(order: Indices, sizes: Indices, wanted: int, whole: bool) -> Indices:
    taken, left = [], wanted
    most = max(1, wanted // 2)
    for group in order:
        size = int(sizes[group])
        if size < 2 * left if whole else size <= min(most, left):
            taken.append(int(group))
            left -= size
    return np.array(sorted(taken), dtype=np.int64)


def _lacking(table: FloatArray, taken: Indices, all_: Indices) -> int:
    """Classes or quantiles that the test part or the rest is without."""
    present = table[all_, :-1].sum(axis=0)
    test = table[taken, :-1].sum(axis=0)
    return int(((present > 0) & ((test == 0) | (test == present))).sum())


def _largest(groups: Groups, among: Indices) -> str:
    group = int(among[np.argmax(groups.sizes[among])])
    return (
        f"the largest, {groups.names[group]}, has {int(groups.sizes[group]):,} of {len(groups.numbers):,}"
    )


def _too_few(groups: Groups, rest: Indices, held_out: int, k_fold: int) -> Rejected:
    without = f" beside the {held_out:,} of the test set" if held_out else ""
    told = f" ({_largest(groups, rest)} molecules)" if len(rest) else ""
    remedies = [f"a k_fold of at most {len(rest)}"] if len(rest) > 1 else []
    if held_out:
        remedies.append("a smaller test set")
    return _impossible(
        groups, f"{len(rest):,} {groups.what}{without} cannot make {k_fold} folds{told}", remedies
    )


def _too_large(groups: Groups, present: Indices, wanted: int, share: float) -> Rejected:
    return _impossible(
        groups,
        f"its {len(present):,} {groups.what} are too large for a test set of {wanted:,} molecules "
        f"(test_set_size {share:g}): {_largest(groups, present)} molecules",
        ["a test_set_size of 0"],
    )


def _impossible(groups: Groups, why: str, remedies: Sequence[str]) -> Rejected:
    ways = " or ".join([*remedies, "another split"])
    return Rejected(
        Code.UNSUITABLE_TARGET,
        f"The split {groups.split!r} cannot be made: {why}. To train anyway, ask for {ways}.",
        details={"split": groups.split},
    )


def numbered(names: Sequence[str]) -> tuple[Indices, tuple[str, ...]]:
    """A number for each name in order of first appearance, and the names in that order."""
    number: dict[str, int] = {}
    numbers = [number.setdefault(name, len(number)) for name in names]
    return np.array(numbers, dtype=np.int64), tuple(number)
