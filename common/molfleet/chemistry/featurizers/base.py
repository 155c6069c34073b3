"""What every featurizer is: a named column of packed rows, all of one width."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from rdkit import Chem, DataStructs

from molfleet.chemistry.featurizers.spec import Parameter, Value, text_of_value

Kind = Literal["bits", "counts", "descriptors"]
Packed = npt.NDArray[Any]
Matrix = npt.NDArray[np.float32]


class Featurizer(ABC):
    """Turns one molecule into one packed row. Holds RDKit objects: build one per process, or fork.

    `kind` decides how a row is packed: `bits` as uint8, eight bits a byte, bit 0 lowest
    (numpy.packbits with bitorder little, zero-padded); `counts` as uint16, saturating; `descriptors`
    as float32. `size` is the number of bits, counts or descriptors; `names` their names, where they
    have any. `column` is unique to type and parameters.
    """

    kind: ClassVar[Kind]
    #: How many values so far were too large for the packed type (float32 or uint16).
    overflows: int = 0

    def __init__(self, column: str, size: int, names: tuple[str, ...] | None = None) -> None:
        self.column = column
        self.size = size
        self.names = names

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of one element of a packed row."""
        return np.dtype({"bits": "u1", "counts": "<u2", "descriptors": "<f4"}[self.kind])

    @property
    def width(self) -> int:
        """Elements in a packed row."""
        return -(-self.size // 8) if self.kind == "bits" else self.size

    @property
    def row_bytes(self) -> int:
        """Bytes in a packed row."""
        return self.width * self.dtype.itemsize

    @abstractmethod
    def calculate(self, mol: Chem.Mol) -> Packed:
        """The packed row of a sanitized molecule, shape [width]. RDKit's own errors pass through."""

    def unpack(self, rows: Packed) -> Matrix:
        """Packed rows [n, width] as a matrix [n, size] for learning; missing descriptors are NaN."""
        if self.kind != "bits":
            return rows.astype(np.float32)
        return np.unpackbits(rows, axis=1, count=self.size, bitorder="little").astype(np.float32)


def pack_bits(vector: Any) -> Packed:
    """An RDKit ExplicitBitVect as packed bytes."""
    return np.frombuffer(DataStructs.BitVectToBinaryText(vector), np.uint8)


@dataclass(frozen=True)
class FeaturizerRow:
    """One row of the catalogue. `build(column, parameters)` gets every parameter, checked."""

    code: str
    kind: Kind
    title: str
    dimension: str
    paper: str
    build: Callable[[str, Mapping[str, Any]], Featurizer]
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()


def column_name(code: str, parameters: tuple[Parameter, ...], values: Mapping[str, Value]) -> str:
    """The column of a featurizer: its code, size and radius, and every parameter not at its default."""
    parts = [code]
    for parameter in parameters:
        value = values[parameter.name]
        if parameter.name in ("size", "radius"):
            parts.append(str(value))
        elif value != parameter.default:
            parts.append(f"{parameter.name}={_brief(value)}")
    return "_".join(parts)


def _brief(value: Value) -> str:
    """A value's text; a long list is told apart by its length and digest."""
    text = text_of_value(value).replace(",", "+")
    if len(text) <= 60:
        return text
    return f"{text.count('+') + 1}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
