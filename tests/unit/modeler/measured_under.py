"""Molecules measured in two assays at several doses, with a target that is mostly made of these."""

from __future__ import annotations

import random
from pathlib import Path

from molfleet.messages.generated import BlobRef, FeaturizerSpec
from tests.unit.modeler.support import bioactive, write_table

COLUMNS = FeaturizerSpec(type="COLUMNS", parameters={"numeric": ("dose",), "categorical": ("assay",)})
HEADER = ("smiles", "activity", "assay", "dose", "centre", "micromolar")


def rows(count: int = 60) -> list[tuple[str, ...]]:
    """Two records of each molecule: in the binding assay, and in the cell assay, four units apart.

    Every tenth dose is blank; `centre` is two groups; `micromolar` is the activity, backwards.
    """
    rng = random.Random(1)
    found = []
    for place, (smiles, value) in enumerate(bioactive()[::16][:count]):
        for assay, shift in (("binding", 0.0), ("cell", 4.0)):
            dose = rng.uniform(0, 10)
            told = "" if len(found) % 10 == 9 else f"{dose:.2f}"
            activity = value + shift + 0.3 * dose
            found.append(
                (
                    smiles,
                    f"{activity:.4f}",
                    assay,
                    told,
                    "east" if place % 2 else "west",
                    f"{-activity:.4f}",
                )
            )
    return found


def assays(root: Path, count: int = 60) -> BlobRef:
    return write_table(root, rows(count), HEADER, "assays.csv")
