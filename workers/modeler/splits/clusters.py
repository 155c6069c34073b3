"""Clusters of similar molecules: Butina's, and beyond what it takes, sphere exclusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.similarity import Bits, comparer, near_rows
from molfleet.errors import Code, Rejected
from workers.modeler.splits.samples import Indices

#: Tanimoto similarity to the centre of a cluster (ECFP4, 2048 bits): a distance of 0.4.
SIMILAR = 0.6
#: Butina's clusters are exact up to so many molecules; beyond, sphere exclusion takes them in file order.
MAX_EXACT = 50_000
#: Its cost is quadratic too, if smaller.
MAX_MOLECULES = 250_000


def clusters(packed: Bits, threshold: float = SIMILAR) -> Indices:
    """The number of each fingerprint's cluster, for uint8 [n, bytes].

    Up to MAX_EXACT after Butina (J. Chem. Inf. Comput. Sci. 1999, 39, 747): the molecule with the most
    neighbours becomes a centre and takes those of them that are free, and so on; of equals the later
    goes first, as in RDKit. Beyond, in file order: each free molecule becomes a centre and takes its free
    neighbours (sphere exclusion, as RDKit's LeaderPicker). Memory is linear in n either way, since the
    neighbours of a centre are found when it is its turn. Raises Rejected beyond MAX_MOLECULES.
    """
    count = len(packed)
    if count > MAX_MOLECULES:
        raise Rejected(
            Code.UNSUITABLE_TARGET,
            f"{count:,} molecules are more than can be clustered, {MAX_MOLECULES:,}: "
            "ask for another split, or a smaller sub_sample_size.",
        )
    if count > MAX_EXACT:
        return _claimed(packed, np.arange(count), np.ones(count, dtype=bool), threshold)
    degrees = np.zeros(count, dtype=np.int64)
    for row, others, _ in near_rows(packed, threshold):
        degrees[row] += len(others)
        degrees[others] += 1
    order = np.lexsort((-np.arange(count), -degrees))
    return _claimed(packed, order, degrees > 0, threshold)


def _claimed(packed: Bits, order: Indices, social: NDArray[np.bool_], threshold: float) -> Indices:
    """Centres in `order`, each with its free neighbours; who is not `social` has none to look for."""
    centre = np.full(len(packed), -1, dtype=np.int64)
    free = np.flatnonzero(social)
    compare, claimed = comparer(packed[free]), 0
    for row in order:
        if centre[row] >= 0:
            continue
        centre[row] = row
        if not social[row]:
            continue
        near = free[compare(packed[row]) >= np.float32(threshold)]
        near = near[centre[near] < 0]
        centre[near] = row
        claimed += len(near) + 1
        if 4 * claimed > len(free):
            free = free[centre[free] < 0]
            compare, claimed = comparer(packed[free]), 0
    return np.asarray(np.unique(centre, return_inverse=True)[1], dtype=np.int64)
