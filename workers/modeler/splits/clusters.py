"""Butina's clusters of similar molecules, in memory that grows with their number and not its square."""

from __future__ import annotations

import numpy as np

from molfleet.bundles.similarity import Bits, comparer, near_rows
from molfleet.errors import Code, Rejected
from workers.modeler.splits.samples import Indices

#: Tanimoto similarity to the centre of a cluster (ECFP4, 2048 bits): a distance of 0.4.
SIMILAR = 0.6
#: Time grows with the square: 13 s of one core for 50,000 molecules, some 4 minutes for these.
MAX_MOLECULES = 200_000


def clusters(packed: Bits, threshold: float = SIMILAR) -> Indices:
    """The number of each fingerprint's cluster, for uint8 [n, bytes].

    The molecule with the most neighbours becomes a centre and takes those of them that are free, and so
    on; of equals the later goes first, as in RDKit (Butina, J. Chem. Inf. Comput. Sci. 1999, 39, 747).
    Neighbours are counted first and found when a centre has its turn, so that no lists of them are kept.
    Raises Rejected(UNSUITABLE_TARGET) beyond MAX_MOLECULES.
    """
    count = len(packed)
    if count > MAX_MOLECULES:
        raise Rejected(
            Code.UNSUITABLE_TARGET,
            f"{count:,} molecules are more than can be clustered, {MAX_MOLECULES:,}: "
            "ask for another split, or a smaller sub_sample_size.",
        )
    degrees = np.zeros(count, dtype=np.int64)
    for row, others, _ in near_rows(packed, threshold):
        degrees[row] += len(others)
        degrees[others] += 1
    centre = np.where(degrees == 0, np.arange(count), -1)
    free = np.flatnonzero(degrees)
    compare, claimed = comparer(packed[free]), 0
    for row in free[np.lexsort((-free, -degrees[free]))]:
        if centre[row] >= 0:
            continue
        near = free[compare(packed[row]) >= np.float32(threshold)]
        near = near[centre[near] < 0]
        centre[near] = row
        claimed += len(near)
        if 4 * claimed > len(free):
            free = free[centre[free] < 0]
            compare, claimed = comparer(packed[free]), 0
    return np.asarray(np.unique(centre, return_inverse=True)[1], dtype=np.int64)
