"""What every featurizer is: a named column of packed rows, all of one width."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from molfleet.chemistry.featurizers.spec import Parameter, Spec, SpecValue, Value, text_of_value

if TYPE_CHECKING:
    from molfleet.chemistry.records import Records

Kind = Literal["bits", "counts", "descriptors"]
Packed = npt.NDArray[Any]
Matrix = npt.NDArray[np.float32]


class Featurizer:
    """Turns molecules, or the properties of records, into packed rows. Build one per process, or fork.

    A molecule featurizer (`needs` is molecule) implements `raw`: what RDKit alone gives for one
    molecule, in whatever form costs least, and `pack`, which makes rows of many raws at once:

        raws = [featurizer.raw(mol) for mol in mols]
        rows = featurizer.pack(raws)

    A record featurizer (`needs` is record) implements `calculate_record`, whose rows are its raws.

    `kind` decides how a row is packed: `bits` as uint8, eight bits a byte, bit 0 lowest
    (numpy.packbits with bitorder little, zero-padded); `counts` as uint16, saturating; `descriptors`
    as float32. `size` is the number of bits, counts or descriptors; `names` their names, where they
    have any. `column` is unique to type and parameters.
    """

    kind: ClassVar[Kind]
    needs: ClassVar[Literal["molecule", "record"]] = "molecule"
    #: The properties that a record featurizer looks at.
    reads: tuple[str, ...] = ()
    #: The text form of the spec with every parameter; set by the catalogue that builds it.
    spec: str = ""

    def __init__(
        self, column: str, size: int, names: tuple[str, ...] | None = None, *, stereo: bool = True
    ) -> None:
        #: Values so far that the rows could not hold as they were: `overflows` (too large for float32
        #: or uint16), `failures` (could not be calculated alone: missing), `unseen` (a category that is
        #: none of the spec's: all zeros).
        self.losses: Counter[str] = Counter()
        self.column = column
        self.size = size
        self.names = names
        #: Whether a molecule's stereochemistry may change its row. If not, it need not be perceived.
        self.stereo = stereo

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

    @property
    def continuous(self) -> npt.NDArray[np.bool_]:
        """Which values are measures on a scale, [size]: descriptors, but no bit, count or category."""
        return np.full(self.size, self.kind == "descriptors")

    def raw(self, mol: Chem.Mol) -> Any:
        """What RDKit gives for a sanitized molecule: input of `pack`. RDKit's own errors pass through."""
        raise TypeError(f"{self.column} is not calculated from a molecule")

    def calculate_record(self, properties: Mapping[str, str]) -> Packed:
        """The packed row of a record with these properties, shape [width]."""
        raise TypeError(f"{self.column} is not calculated from a record's properties")

    def knows(self, properties: Mapping[str, str]) -> bool:
        """Whether the row can tell what a record says: not where it has a category without a place."""
        return True

    def pack(self, raws: Sequence[Any]) -> Packed:
        """The packed rows of raws, shape [len(raws), width]; counts `losses`. Not for none at all."""
        return np.asarray(raws, self.dtype)

    def calculate(self, mol: Chem.Mol) -> Packed:
        """The packed row of one molecule, shape [width]."""
        row: Packed = self.pack([self.raw(mol)])[0]
        return row

    def unpack(self, rows: Packed) -> Matrix:
        """Packed rows [n, width] as a matrix [n, size] for learning; missing descriptors are NaN."""
        if self.kind != "bits":
            return rows.astype(np.float32)
        return np.unpackbits(rows, axis=1, count=self.size, bitorder="little").astype(np.float32)


@dataclass(frozen=True)
class FeaturizerRow:
    """One row of the catalogue.

    `build(column, parameters)` gets every parameter, checked. `fit(spec, records, leave_out)`, where a row
    has it, makes explicit what the spec leaves to the input, such as the categories of a column; what it
    takes without being told to is none of `leave_out`.
    """

    code: str
    kind: Kind
    title: str
    dimension: str
    paper: str
    build: Callable[[str, Mapping[str, Any]], Featurizer]
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    fit: Callable[[Spec, Records, Collection[str]], SpecValue] | None = None


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
