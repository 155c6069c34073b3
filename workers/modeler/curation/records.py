"""What goes into curation and what comes out of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from molfleet.chemistry.records import Reject
from molfleet.errors import Code, RecordCode, Rejected
from workers.modeler.algorithms.base import Task
from workers.modeler.curation.noise import Noise
from workers.modeler.splits import Indices, Samples

#: Fewer usable molecules than these make no model.
MIN_MOLECULES = 10

Transform = Literal["none", "log10", "p"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A record that is a molecule and has a target. `molecule` is its standardized canonical SMILES,
    `group` the text of the user's split column, `said` the texts of the columns that are taken as
    features, and `conditions` what they come to: records that differ there are no replicates. `scaffold`
    is the SMILES of the molecule's, empty for an acyclic one."""

    record: int
    line: int
    title: str
    molecule: str
    text: str
    group: str = ""
    said: tuple[str, ...] = ()
    conditions: bytes = b""
    scaffold: str = ""

    def reject(self, code: RecordCode, message: str) -> Reject:
        return Reject(self.record, self.line, self.title, code, message)


@dataclass(frozen=True)
class Rules:
    """How the command wants its target read."""

    target: str
    task: Task | None = None
    transform: Transform = "none"
    positive_class: str | None = None
    censored: Literal["drop", "bound"] = "drop"
    replicates: Literal["median", "mean", "keep"] = "median"
    units: str | None = None


@dataclass(frozen=True)
class Disagreement:
    """Records of one molecule and what they say, as text; `unit_mistake`: two numbers are a factor of
    1,000 or 1,000,000 apart."""

    records: tuple[int, ...]
    texts: tuple[str, ...]
    unit_mistake: bool = False


@dataclass(frozen=True)
class Reading:
    """What was found while the texts were read. Counts are of records.

    `spellings` are the units in the file, as spelt; `conversions` the (from, to) of values that became
    other numbers; `bounds` the relations met (`<`, `>`, `~`, `range`), used or not.
    """

    decimal: str = ""
    spellings: Counter[str] = field(default_factory=Counter)
    bare: int = 0
    conversions: Counter[tuple[str, str]] = field(default_factory=Counter)
    bounds: Counter[str] = field(default_factory=Counter)
    bounds_used: int = 0
    with_error: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replicates:
    """`molecules` have several usable records, `records` in all; the worst disagreements first."""

    molecules: int = 0
    records: int = 0
    disagreeing: int = 0
    worst: tuple[Disagreement, ...] = ()


@dataclass(frozen=True)
class Curated:
    """What is left to learn from.

    `rows` are positions in the measured records; `values` one number each: the transformed value, or
    the class number in `labels` (of two labels the positive one is the second); `molecules` one number
    per distinct molecule. `rejects` are the rest. `reason` says why it is this task; `units` are those
    of values with their transform taken back (None: not stated).
    """

    task: Task
    rows: Indices
    values: NDArray[Any]
    molecules: Indices
    labels: tuple[str, ...]
    rejects: tuple[Reject, ...]
    reason: str = ""
    units: str | None = None
    rules: Rules = field(default_factory=lambda: Rules(""))
    reading: Reading = field(default_factory=Reading)
    replicates: Replicates = field(default_factory=Replicates)
    noise: Noise | None = None

    @property
    def samples(self) -> Samples:
        return Samples(self.task, self.values, self.molecules)


def unsuitable(rules: Rules, why: str) -> Rejected:
    return Rejected(
        Code.UNSUITABLE_TARGET,
        f"The target {rules.target!r} cannot be modelled: {why}.",
        details={"target": rules.target},
    )


def shown(text: str) -> str:
    """A text of the file, in quotes and short enough for a sentence."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")


def as_indices(rows: list[int]) -> Indices:
    return np.array(rows, dtype=np.int64)
