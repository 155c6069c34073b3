"""Statistics of one featurizer's rows, gathered chunk by chunk and merged in any grouping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molfleet.chemistry.featurizers import Featurizer, Packed

Numbers = npt.NDArray[np.float64]


@dataclass
class Moments:
    """Of each descriptor of a column, shape [size]: NaNs are `missing` and count for nothing else.

    `squares` is the sum of squared deviations from the mean, merged as in Chan, Golub, LeVeque (1979).
    Where no row has a value `mean` is 0, `minimum` inf and `maximum` -inf.
    """

    missing: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    minimum: Numbers
    maximum: Numbers
    mean: Numbers
    squares: Numbers

    @classmethod
    def of(cls, rows: Packed) -> Moments:
        """Of descriptor rows [n, size], of which there may be none."""
        values = rows.astype(np.float64)
        present = ~np.isnan(values)
        count = present.sum(axis=0, dtype=np.int64)
        mean = values.sum(axis=0, where=present) / np.maximum(count, 1)
        return cls(
            missing=len(rows) - count,
            count=count,
            minimum=values.min(axis=0, initial=np.inf, where=present),
            maximum=values.max(axis=0, initial=-np.inf, where=present),
            mean=mean,
            squares=np.square(values - mean).sum(axis=0, where=present),
        )

    def add(self, other: Moments) -> None:
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        self.squares += other.squares + np.square(apart) * self.count * share
        self.mean += apart * share
        self.missing += other.missing
        np.minimum(self.minimum, other.minimum, out=self.minimum)
        np.maximum(self.maximum, other.maximum, out=self.maximum)
        self.count = count

    @property
    def deviation(self) -> Numbers:
        """The population's standard deviation; NaN where there is no value."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(self.squares / self.count)


@dataclass
class ColumnCounts:
    """Of one featurizer's `rows`: values that are set, those too large for the packed type, and which
    columns are ever set (bits and counts; packed as bits), or the moments of each descriptor.
    """

    rows: int
    set_values: int
    overflows: int
    ever_set: npt.NDArray[np.uint8] | None = None
    moments: Moments | None = None

    @classmethod
    def of(cls, featurizer: Featurizer, rows: Packed, overflows: int = 0) -> ColumnCounts:
        """Of packed rows [n, width]."""
        n = len(rows)
        if featurizer.kind == "descriptors":
            moments = Moments.of(rows)
            return cls(n, int(moments.count.sum()), overflows, moments=moments)
        if featurizer.kind == "bits":
            ever = np.zeros(featurizer.width, np.uint8)
            np.bitwise_or.reduce(rows, axis=0, out=ever)
            return cls(n, int(np.bitwise_count(rows).sum()), overflows, ever)
        ever = np.packbits(rows.any(axis=0), bitorder="little")
        return cls(n, int(np.count_nonzero(rows)), overflows, ever)

    @classmethod
    def none(cls, featurizer: Featurizer) -> ColumnCounts:
        """Of no rows yet."""
        return cls.of(featurizer, np.empty((0, featurizer.width), featurizer.dtype))

    @property
    def missing(self) -> npt.NDArray[np.int64] | None:
        """Of each descriptor, the rows that have none."""
        return self.moments.missing if self.moments else None

    def never_set(self, size: int) -> int:
        """How many of the `size` columns no row has set; 0 for descriptors."""
        return size - int(np.bitwise_count(self.ever_set).sum()) if self.ever_set is not None else 0

    def add(self, other: ColumnCounts) -> None:
        """Take the rows of another part of the same column in."""
        self.rows += other.rows
        self.set_values += other.set_values
        self.overflows += other.overflows
        if self.ever_set is not None and other.ever_set is not None:
            self.ever_set = self.ever_set | other.ever_set
        if self.moments and other.moments:
            self.moments.add(other.moments)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; `of_json` gives the same back, every bit of it."""
        document: dict[str, Any] = {
            "rows": self.rows,
            "set_values": self.set_values,
            "overflows": self.overflows,
        }
        if self.ever_set is not None:
            document["ever_set"] = self.ever_set.tobytes().hex()
        if self.moments:
            numbers = {name: getattr(self.moments, name) for name in _FLOATS}
            document["moments"] = {
                "missing": self.moments.missing.tolist(),
                "count": self.moments.count.tolist(),
                # JSON has no infinities.
                **{name: [value.hex() for value in column.tolist()] for name, column in numbers.items()},
            }
        return document

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> ColumnCounts:
        counts = cls(document["rows"], document["set_values"], document["overflows"])
        if "ever_set" in document:
            counts.ever_set = np.frombuffer(bytes.fromhex(document["ever_set"]), np.uint8)
        if (moments := document.get("moments")) is not None:
            counts.moments = Moments(
                missing=np.array(moments["missing"], np.int64),
                count=np.array(moments["count"], np.int64),
                **{name: np.array([*map(float.fromhex, moments[name])], np.float64) for name in _FLOATS},
            )
        return counts


_FLOATS = ("minimum", "maximum", "mean", "squares")
