"""RDKit's two-dimensional descriptors."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from rdkit import Chem
from rdkit.Chem import Descriptors

from molfleet.chemistry.featurizers import shared
from molfleet.chemistry.featurizers.base import FeaturizerRow
from molfleet.chemistry.featurizers.spec import Parameter
from molfleet.chemistry.featurizers.vectors import DescriptorFeaturizer
from molfleet.errors import Code, Rejected


class RdkitDescriptors(DescriptorFeaturizer):
    """Descriptors by name, with the values of RDKit's own list."""

    def __init__(self, column: str, parameters: Mapping[str, Any]) -> None:
        functions: dict[str, Any] = dict(Descriptors.descList)
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
        super().__init__(column, names)
        self._steps = tuple(
            (shared.DESCRIPTORS.get(name, functions[name]), name in shared.DESCRIPTORS) for name in names
        )

    def raw(self, mol: Chem.Mol) -> list[float]:
        common = shared.Shared(mol)
        values: list[float] = []
        for function, shares in self._steps:
            try:
                values.append(function(common if shares else mol))
            except Exception:  # one descriptor that RDKit cannot calculate costs no other
                values.append(math.nan)
                self.losses["failures"] += 1
        return values


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
