"""What a command asks for, every name looked up and every value checked before anything is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from molfleet.chemistry.featurizers import FEATURIZERS, Featurizer, Spec
from molfleet.chemistry.formats.unpack import plain_name
from molfleet.chemistry.records import Records
from molfleet.chemistry.standardize import STANDARDIZE, StandardizeRow
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import CalculateFeatureVectors, CalculateFeatureVectorsChunk
from workers.feature_vectors.chunks import IDENTIFIERS, ChunkWork, IdentifierRow, needs_structures
from workers.feature_vectors.summary import layout_metadata
from workers.feature_vectors.table import Layout

MAX_CARRIED = 1000


@dataclass(frozen=True)
class Plan:
    """What is calculated for each record. `specs` are those of `featurizers`."""

    specs: tuple[Spec, ...]
    featurizers: tuple[Featurizer, ...]
    standardize: StandardizeRow
    identifiers: tuple[IdentifierRow, ...]
    carried: tuple[str, ...]
    record_time_limit_s: float

    @classmethod
    def of(
        cls, command: CalculateFeatureVectors | CalculateFeatureVectorsChunk, record_time_limit_s: float
    ) -> Plan:
        """Raises Rejected: INVALID_COMMAND, UNKNOWN_NAME. `*` still stands among `carried`."""
        if command.options:
            raise Rejected(
                Code.UNKNOWN_NAME,
                f"{type(command).__name__} has no option called {next(iter(command.options))!r}. "
                "Known: none.",
            )
        limit_ms = command.record_time_limit_ms
        if limit_ms is not None:
            if limit_ms <= 0:
                raise Rejected(
                    Code.INVALID_COMMAND,
                    f"record_time_limit_ms must be above 0 or null, and is {limit_ms}.",
                )
            record_time_limit_s = limit_ms / 1000
        return cls(
            specs=command.featurizers,
            featurizers=tuple(FEATURIZERS.build_all(command.featurizers)),
            standardize=STANDARDIZE.get(command.standardize),
            identifiers=tuple(dict.fromkeys(IDENTIFIERS.get(name) for name in command.identifiers)),
            carried=command.carry_properties,
            record_time_limit_s=record_time_limit_s,
        )

    @property
    def needs_structures(self) -> bool:
        """Whether any column is about the molecule rather than about the record's own properties."""
        return needs_structures(self.featurizers, self.identifiers, self.standardize.code != "none")

    def fitted(self, records: Records) -> Plan:
        """The plan with what only the input can tell: its properties, the categories of its columns."""
        specs = tuple(FEATURIZERS.fit_all(self.specs, records))
        return replace(
            self,
            specs=specs,
            featurizers=tuple(FEATURIZERS.build_all(specs)),
            carried=_carried(self.carried, records),
        )

    @property
    def layout(self) -> Layout:
        """The columns of the output, of a plan that is fitted."""
        return Layout(self._text_columns(), self.featurizers, layout_metadata(self.standardize.code))

    def work_on(self, records: Records) -> ChunkWork:
        return ChunkWork(
            records, self.featurizers, self.standardize.build(), self.identifiers, self.carried
        )

    def _text_columns(self) -> tuple[str, ...]:
        """Names of the text columns; a carried property whose name is taken gets `#2`."""
        taken = {"record", *(featurizer.column for featurizer in self.featurizers)}
        names: list[str] = []
        for name in (*(identifier.code for identifier in self.identifiers), *self.carried):
            unique, number = name, 1
            while unique in taken:
                number += 1
                unique = f"{name}#{number}"
            taken.add(unique)
            names.append(unique)
        return tuple(names)


def _carried(wanted: Sequence[str], records: Records) -> tuple[str, ...]:
    """The properties to carry: those named, or with `*` all that there are."""
    if "*" in wanted:
        wanted = records.property_names()
    elif wanted and records.file_type not in ("sdf", "mol"):
        known = records.property_names()
        for name in wanted:
            if name not in known:
                raise Rejected(
                    Code.UNKNOWN_NAME,
                    f"carry_properties: {plain_name(records.path)} has no column called {name!r}. "
                    f"Its columns: {', '.join(known) or 'none'}.",
                    details={"carry_properties": name},
                )
    if len(wanted) > MAX_CARRIED:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"carry_properties stands for {len(wanted):,} properties; {MAX_CARRIED:,} are allowed.",
        )
    return tuple(dict.fromkeys(wanted))
