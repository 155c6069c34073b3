"""Statistics of one featurizer's rows, gathered chunk by chunk and merged in any grouping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from molfleet.chemistry.featurizers import Featurizer, Packed

Numbers = npt.NDArray[np.float64]

#: A float32 is a whole number of 2**-_UNIT; 24 bits of it are set.
_UNIT = 176
_BITS = 24


@dataclass
class Moments:
    """Of each descriptor of a column, shape [size]: NaNs are `missing` and count for nothing else.

    `total` is the sum in units of 2**-176 and `squares` that of the squares in units of 2**-352: whole
    numbers, so that parts merge to the same in any grouping. Where no row has a value `minimum` is
    inf and `maximum` -inf.
    """

    missing: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    minimum: Numbers
    maximum: Numbers
    total: list[int]
    squares: list[int]

    @classmethod
    def of(cls, rows: Packed) -> Moments:
        """Of descriptor rows [n, size], of which there may be none."""
        values = rows.astype(np.float64)
        present = ~np.isnan(values)
        count = present.sum(axis=0, dtype=np.int64)
        fraction, exponent = np.frexp(np.where(present, values, 0.0))
        whole = (fraction * 2.0**_BITS).astype(np.int64)
        squared = whole * whole
        low = squared & (2**_BITS - 1)
        shift = exponent.astype(np.int64) + (_UNIT - _BITS)
        high_sums, low_sums = _sums(squared >> _BITS, 2 * shift), _sums(low, 2 * shift)
        return cls(
            missing=len(rows) - count,
            count=count,
            minimum=values.min(axis=0, initial=np.inf, where=present),
            maximum=values.max(axis=0, initial=-np.inf, where=present),
            total=_sums(whole, shift),
            squares=[(high << _BITS) + low for high, low in zip(high_sums, low_sums, strict=True)],
        )

    def add(self, other: Moments) -> None:
        self.missing = self.missing + other.missing
        self.count = self.count + other.count
        self.minimum = np.minimum(self.minimum, other.minimum)
        self.maximum = np.maximum(self.maximum, other.maximum)
        self.total = [mine + its for mine, its in zip(self.total, other.total, strict=True)]
        self.squares = [mine + its for mine, its in zip(self.squares, other.squares, strict=True)]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each descriptor's numbers, None where there is no value; `std` is the population's."""
        for index, n in enumerate(self.count.tolist()):
            total, squares = self.total[index], self.squares[index]
            yield {
                "count": n,
                "missing": int(self.missing[index]),
                "min": float(self.minimum[index]) if n else None,
                "max": float(self.maximum[index]) if n else None,
                "mean": total / (n << _UNIT) if n else None,
                "std": sqrt((n * squares - total * total) / (n * n << 2 * _UNIT)) if n else None,
            }


def _sums(whole: npt.NDArray[np.int64], shift: npt.NDArray[np.int64]) -> list[int]:
    """The sums of `whole << shift` over the rows, exactly; |whole| < 2**24, shift not below 0."""
    sums = np.zeros(whole.shape[1], object)
    if not whole.size:
        return [0] * whole.shape[1]
    limb, shifted = shift >> 4, whole << (shift & 15)  # 39 bits: many million rows fit an int64
    for one in range(int(np.min(limb)), int(np.max(limb)) + 1):
        here = limb == one
        if here.any():
            sums += shifted.sum(axis=0, where=here).astype(object) << 16 * one
    return [int(value) for value in sums]


@dataclass
class ColumnCounts:
    """Of one featurizer's `rows`: values that are set, its `losses` (see Featurizer), and which columns
    are ever set (bits and counts; packed as bits), or the moments of each descriptor.
    """

    rows: int
    set_values: int
    losses: Counter[str]
    ever_set: npt.NDArray[np.uint8] | None = None
    moments: Moments | None = None

    @classmethod
    def of(cls, featurizer: Featurizer, rows: Packed, losses: Counter[str] | None = None) -> ColumnCounts:
        """Of packed rows [n, width]."""
        losses = losses or Counter()
        n = len(rows)
        if featurizer.kind == "descriptors":
            moments = Moments.of(rows)
            return cls(n, int(moments.count.sum()), losses, moments=moments)
        if featurizer.kind == "bits":
            ever = np.zeros(featurizer.width, np.uint8)
            np.bitwise_or.reduce(rows, axis=0, out=ever)
            return cls(n, int(np.bitwise_count(rows).sum()), losses, ever)
        ever = np.packbits(rows.any(axis=0), bitorder="little")
        return cls(n, int(np.count_nonzero(rows)), losses, ever)

    @classmethod
    def none(cls, featurizer: Featurizer) -> ColumnCounts:
        """Of no rows yet."""
        return cls.of(featurizer, np.empty((0, featurizer.width), featurizer.dtype))

    def never_set(self, size: int) -> int:
        """How many of the `size` columns no row has set; 0 for descriptors."""
        return size - int(np.bitwise_count(self.ever_set).sum()) if self.ever_set is not None else 0

    def add(self, other: ColumnCounts) -> None:
        """Take the rows of another part of the same column in."""
        self.rows += other.rows
        self.set_values += other.set_values
        self.losses.update(other.losses)
        if self.ever_set is not None and other.ever_set is not None:
            self.ever_set = self.ever_set | other.ever_set
        if self.moments and other.moments:
            self.moments.add(other.moments)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; `of_json` gives the same back, every bit of it."""
        document: dict[str, Any] = {
            "rows": self.rows,
            "set_values": self.set_values,
            "losses": dict(self.losses),
        }
        if self.ever_set is not None:
            document["ever_set"] = self.ever_set.tobytes().hex()
        if self.moments:
            moments = self.moments
            document["moments"] = {
                "missing": moments.missing.tolist(),
                "count": moments.count.tolist(),
                # JSON has no infinities.
                "minimum": [value.hex() for value in moments.minimum.tolist()],
                "maximum": [value.hex() for value in moments.maximum.tolist()],
                "total": moments.total,
                "squares": moments.squares,
            }
        return document

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> ColumnCounts:
        counts = cls(document["rows"], document["set_values"], Counter(document["losses"]))
        if "ever_set" in document:
            counts.ever_set = np.frombuffer(bytes.fromhex(document["ever_set"]), np.uint8)
        if (moments := document.get("moments")) is not None:
            counts.moments = Moments(
                missing=np.array(moments["missing"], np.int64),
                count=np.array(moments["count"], np.int64),
                minimum=np.array([*map(float.fromhex, moments["minimum"])], np.float64),
                maximum=np.array([*map(float.fromhex, moments["maximum"])], np.float64),
                total=moments["total"],
                squares=moments["squares"],
            )
        return counts
