"""What every row of descriptors has in common: float32, and one way for values that are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed

_LIMIT = float(np.finfo(np.float32).max)

#: All values of one kind for one molecule, in the order of their names.
Vector = Callable[[Chem.Mol], Sequence[float]]


class DescriptorFeaturizer(Featurizer):
    """Descriptors with names. A value that is none is NaN, in one of three ways:

    - RDKit itself gives NaN (a partial charge of an element without parameters): missing, no more;
    - it does not fit float32, or is infinite (Ipc of a large molecule): counted in `overflows`;
    - calculating it raises: counted in `failures`, and the molecule's other descriptors stand.
    """

    kind = "descriptors"

    def __init__(self, column: str, names: tuple[str, ...]) -> None:
        super().__init__(column, len(names), names)

    def pack(self, raws: Sequence[Sequence[float]]) -> Packed:
        values = np.array(raws, np.float64)
        beyond = np.abs(values) > _LIMIT
        if beyond.any():
            self.losses["overflows"] += int(beyond.sum())
            values[beyond] = np.nan
        return values.astype(np.float32)


class VectorDescriptors(DescriptorFeaturizer):
    """Descriptors that one function gives all at once; where it raises, the record has none."""

    def __init__(self, column: str, names: tuple[str, ...], function: Vector) -> None:
        super().__init__(column, names)
        self._function = function

    def raw(self, mol: Chem.Mol) -> Sequence[float]:
        return self._function(mol)


def vector_row(code: str, title: str, paper: str, names: Sequence[str], function: Vector) -> FeaturizerRow:
    """The catalogue's row of a function that gives one value for each name and takes no parameters."""

    def build(column: str, parameters: Mapping[str, Any]) -> VectorDescriptors:
        return VectorDescriptors(column, tuple(names), function)

    return FeaturizerRow(
        code=code,
        kind="descriptors",
        title=title,
        dimension=f"{len(names)} descriptors",
        paper=paper,
        build=build,
    )


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """`PREFIX_1` ... `PREFIX_COUNT`: how RDKit names the values of a long vector."""
    return tuple(f"{prefix}_{number}" for number in range(1, count + 1))
