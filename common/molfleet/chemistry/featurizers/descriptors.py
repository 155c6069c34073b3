"""RDKit's two-dimensional descriptors."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import Descriptors

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed
from molfleet.chemistry.featurizers.spec import Parameter
from molfleet.errors import Code, Rejected

_LIMIT = float(np.finfo(np.float32).max)


class RdkitDescriptors(Featurizer):
    """Descriptors by name. NaN where RDKit gives none, and where a value does not fit float32.

    The latter are counted in `overflows`: Ipc, for one, exceeds float32 in large molecules.
    """

    kind = "descriptors"

    def __init__(self, column: str, parameters: Mapping[str, Any]) -> None:
        functions = dict(Descriptors.descList)
        names = tuple(parameters["names"] or functions)
        for name in names:
            if name not in functions:
                near = difflib.get_close_matches(name, functions, n=3)
                hint = f" Did you mean {', '.join(near)}?" if near else ""
                raise Rejected(
                    Code.UNKNOWN_NAME,
                    f"RDKit has no descriptor called {name!r}.{hint} DESC without names has all of them.",
                    details={"featurizer": "DESC", "name": name},
                )
        if len(set(names)) < len(names):
            raise Rejected(Code.INVALID_COMMAND, "DESC: names holds a descriptor twice.")
        super().__init__(column, len(names), names)
        self._functions = tuple(functions[name] for name in names)

    def raw(self, mol: Chem.Mol) -> list[float]:
        return [function(mol) for function in self._functions]

    def pack(self, raws: Sequence[list[float]]) -> Packed:
        values = np.array(raws, np.float64)
        beyond = np.abs(values) > _LIMIT
        if beyond.any():
            self.overflows += int(beyond.sum())
            values[beyond] = np.nan
        return values.astype(np.float32)


ROWS = (
    FeaturizerRow(
        code="DESC",
        kind="descriptors",
        title="RDKit descriptors",
        dimension="all descriptors of this RDKit (217 in 2026.09), or those that are named",
        paper="RDKit: Open-source cheminformatics, https://www.rdkit.org, rdkit.Chem.Descriptors",
        parameters=(Parameter("names", "names", None, "The descriptors to calculate; null: all."),),
        build=RdkitDescriptors,
    ),
)
