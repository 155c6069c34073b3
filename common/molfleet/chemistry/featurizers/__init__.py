"""The catalogue of featurizers. A family is one file with its ROWS; adding it here makes it known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from molfleet.catalogue import Catalogue
from molfleet.chemistry.featurizers import (
    autocorrelation,
    avalon,
    bcut,
    columns,
    descriptors,
    estate,
    geometry,
    maccs,
    morgan,
    mqn,
    pairs,
    pharmacophores,
    shingles,
    substructures,
)
from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Kind, Packed, column_name
from molfleet.chemistry.featurizers.spec import Spec, SpecValue, Value, parse_spec, resolve, text_of
from molfleet.errors import Code, Rejected

if TYPE_CHECKING:
    from molfleet.chemistry.records import Records


class FeaturizerCatalogue(Catalogue[FeaturizerRow]):
    """Looks featurizers up and builds them."""

    def build(self, spec: Spec) -> Featurizer:
        """The featurizer of a spec.

        Raises Rejected: UNKNOWN_NAME for its type or a parameter's name, INVALID_COMMAND for a value.
        """
        row = self.get(spec.type)
        values = resolve(spec, row.code, row.parameters)
        featurizer = row.build(column_name(row.code, row.parameters, values), values)
        featurizer.spec = _text_in_full(row.code, values)
        return featurizer

    def build_all(self, specs: Iterable[Spec]) -> list[Featurizer]:
        """The featurizers in order; also refuses none at all, and two that would share a column."""
        built = [self.build(spec) for spec in specs]
        if not built:
            raise Rejected(Code.INVALID_COMMAND, "featurizers must hold at least one featurizer.")
        seen: set[str] = set()
        for featurizer in built:
            if featurizer.column in seen:
                raise Rejected(
                    Code.INVALID_COMMAND,
                    f"featurizers holds {featurizer.column} twice: each column must be its own.",
                    details={"column": featurizer.column},
                )
            seen.add(featurizer.column)
        return built

    def fit_all(
        self, specs: Iterable[Spec], records: Records, leave_out: Collection[str] = ()
    ) -> list[SpecValue]:
        """The specs with everything explicit that depends on the input, ready for `build_all`.

        Properties called in `leave_out` are taken only where a spec names them. Raises what the rows'
        `fit` raises: Rejected, for a column that is not there and the like.
        """
        return [self._fitted(spec, records, leave_out) for spec in specs]

    def _fitted(self, spec: Spec, records: Records, leave_out: Collection[str]) -> SpecValue:
        row = self.get(spec.type)
        if row.fit is not None:
            return row.fit(spec, records, leave_out)
        return SpecValue(row.code, spec.size, spec.radius, dict(spec.parameters))


def _text_in_full(code: str, values: Mapping[str, Value]) -> str:
    given = {name: value for name, value in values.items() if value is not None and value != ()}
    # As a field, a radius of 0 would mean the default.
    folded: dict[str, Any] = {name: given.pop(name) for name in ("size", "radius") if given.get(name)}
    return text_of(SpecValue(code, parameters=given, **folded))


FEATURIZERS = FeaturizerCatalogue(
    "featurizer",
    (
        *morgan.ROWS,
        *pairs.ROWS,
        *substructures.ROWS,
        *avalon.ROWS,
        *maccs.ROWS,
        *pharmacophores.ROWS,
        *shingles.ROWS,
        *descriptors.ROWS,
        *mqn.ROWS,
        *estate.ROWS,
        *autocorrelation.ROWS,
        *bcut.ROWS,
        *geometry.ROWS,
        *columns.ROWS,
    ),
)

__all__ = [
    "FEATURIZERS",
    "Featurizer",
    "FeaturizerCatalogue",
    "FeaturizerRow",
    "Kind",
    "Packed",
    "Spec",
    "SpecValue",
    "parse_spec",
    "text_of",
]
