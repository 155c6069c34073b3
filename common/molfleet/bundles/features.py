"""What the models of a process need of chemistry, each thing built once and each vector computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molfleet.chemistry.featurizers import FEATURIZERS, Featurizer, Packed, SpecValue, text_of
from molfleet.chemistry.standardize import STANDARDIZE, Standardizer

Matrix = NDArray[np.float32]

ECFP4 = SpecValue("ECFP", 2048, 2)


@dataclass(frozen=True)
class Featurization:
    """A standardization level and featurizers (spec texts, in order): models of one share vectors."""

    level: str
    specs: tuple[str, ...]


class Toolbox:
    """Standardizers and featurizers by name. One per process: RDKit's objects are not shared."""

    def __init__(self) -> None:
        self._standardizers: dict[str, Standardizer] = {}
        self._featurizers: dict[str, Featurizer] = {}
        self.ecfp4 = self.add(ECFP4)

    def add(self, spec: SpecValue) -> str:
        """Make a featurizer known; returns its text. Raises Rejected(UNKNOWN_NAME, INVALID_COMMAND)."""
        text = text_of(spec)
        if text not in self._featurizers:
            self._featurizers[text] = FEATURIZERS.build(spec)
        return text

    def featurizer(self, text: str) -> Featurizer:
        return self._featurizers[text]

    def columns(self, featurization: Featurization) -> tuple[str, ...]:
        """The properties of a record that its featurizers look at, each once."""
        read = (name for spec in featurization.specs for name in self._featurizers[spec].reads)
        return tuple(dict.fromkeys(read))

    def standardize(self, mol: Chem.Mol, level: str) -> Chem.Mol:
        """A standardized copy of `mol`. RDKit's errors pass through."""
        if level not in self._standardizers:
            self._standardizers[level] = STANDARDIZE.get(level).build()
        return self._standardizers[level](Chem.Mol(mol))


class Molecule:
    """One parsed structure, standardized and featurized as far as anybody asks, and never twice.

    `properties` are what its record says besides, as text, for models that also take columns. Methods
    raise what RDKit raises on a molecule that it cannot treat.
    """

    def __init__(self, mol: Chem.Mol, tools: Toolbox, properties: Mapping[str, str] | None = None) -> None:
        self.parsed = mol
        self.properties = properties or {}
        self._tools = tools
        self._standardized: dict[str, Chem.Mol] = {}
        self._packed: dict[tuple[str, str], Packed] = {}

    def standardized(self, level: str) -> Chem.Mol:
        if level not in self._standardized:
            mol = self._tools.standardize(self.parsed, level)
            if not mol.GetNumAtoms():
                raise ValueError("standardizing left no atoms")
            self._standardized[level] = mol
        return self._standardized[level]

    def packed(self, level: str, spec: str) -> Packed:
        """The packed row of one featurizer, shape [width]."""
        key = (level, spec)
        if key not in self._packed:
            featurizer = self._tools.featurizer(spec)
            if featurizer.needs == "record":
                self._packed[key] = featurizer.calculate_record(self.properties)
            else:
                self._packed[key] = featurizer.calculate(self.standardized(level))
        return self._packed[key]

    def conditions(self, featurization: Featurization) -> bytes:
        """What the columns of its record come to: equal for records that they do not tell apart."""
        named = [spec for spec in featurization.specs if self._tools.featurizer(spec).needs == "record"]
        return b"".join(self.packed(featurization.level, spec).tobytes() for spec in named)

    def familiar(self, featurization: Featurization) -> bool:
        """Whether the record's properties hold nothing, such as a category, that a model cannot know."""
        return all(self._tools.featurizer(spec).knows(self.properties) for spec in featurization.specs)

    def ecfp4(self, level: str) -> NDArray[np.uint8]:
        """The packed fingerprint of the applicability domain, uint8 [256]."""
        return np.asarray(self.packed(level, self._tools.ecfp4), np.uint8)

    def features(self, featurization: Featurization) -> Matrix:
        """The features of a model, float32 [n_features]."""
        rows = [
            self._tools.featurizer(spec).unpack(self.packed(featurization.level, spec)[np.newaxis])[0]
            for spec in featurization.specs
        ]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)
