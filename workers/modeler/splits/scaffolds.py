"""Which molecules stay together: those of one Bemis-Murcko scaffold, those of one cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.modeler.splits.clusters import clusters
from workers.modeler.splits.samples import Molecules


def scaffold_groups(molecules: Molecules) -> Sequence[str]:
    """What each molecule's group is called: its scaffold. Acyclic ones, half of some sets, have none: they
    are grouped by Butina's clusters."""
    if molecules.scaffolds is None:
        raise ValueError("this split needs the scaffolds of the samples")
    names = list(molecules.scaffolds)
    acyclic = np.flatnonzero([not scaffold for scaffold in names])
    if len(acyclic):
        for row, number in zip(acyclic, clusters(molecules.fingerprints[acyclic]), strict=True):
            names[row] = f"cluster {number + 1} of the acyclic molecules"
    return names


def cluster_groups(molecules: Molecules) -> Sequence[str]:
    """What each molecule's group is called: Butina's clusters of all molecules."""
    return [f"cluster {number + 1}" for number in clusters(molecules.fingerprints)]
