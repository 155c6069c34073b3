"""What the values look like: quantiles or class counts, and values far out, told but never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.curation.records import Curated, Measured
from workers.modeler.curation.transforms import measured_again, transform

#: Values further from the median than so many robust standard deviations are told.
FAR = 5.0
#: A value that a factor of 1,000 or a million brings so near was perhaps given in another unit.
_NEAR = 2.0
_FACTORS = (1e3, 1e-3, 1e6, 1e-6)
#: So many are listed, the furthest ones.
LISTED = 10
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def value_distribution(curated: Curated) -> dict[str, Any]:
    """In model space; `skewness` is the moment's, 0 for what is symmetric."""
    values: NDArray[np.float64] = curated.values
    mean, sd = float(np.mean(values)), float(np.std(values))
    different, counts = np.unique(values, return_counts=True)
    return {
        "count": len(values),
        "different": len(different),
        "commonest": {"value": float(different[np.argmax(counts)]), "count": int(np.max(counts))},
        "mean": mean,
        "sd": sd,
        "skewness": float(np.mean(((values - mean) / sd) ** 3)) if sd > 0 else 0.0,
        "quantiles": {
            f"{share:g}": float(value)
            for share, value in zip(_QUANTILES, np.quantile(values, _QUANTILES), strict=True)
        },
    }


def class_distribution(curated: Curated) -> dict[str, Any]:
    """`imbalance` is how many of the largest class there are to one of the smallest."""
    counts = np.bincount(curated.values, minlength=len(curated.labels))
    return {
        "count": len(curated.values),
        "classes": {label: int(count) for label, count in zip(curated.labels, counts, strict=True)},
        "imbalance": float(np.max(counts) / max(int(np.min(counts)), 1)),
    }


def robust_sd(values: NDArray[np.float64]) -> float:
    """From the median absolute deviation; where half of the values are one, from the quartiles; 0 where
    these are one, too."""
    deviation = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    if deviation > 0:
        return deviation
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low) / 1.349


def outliers(curated: Curated, measured: Sequence[Measured]) -> dict[str, Any]:
    """Values more than FAR robust standard deviations from the median of the used ones.

    `unit_mistakes` counts those that a factor of 1,000 or 1,000,000 would bring within two of it.
    """
    values: NDArray[np.float64] = curated.values
    sd = robust_sd(values)
    far: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    if sd > 0:
        distance = np.abs(values - np.median(values)) / sd
        far = np.flatnonzero(distance > FAR)
        far = far[np.argsort(-distance[far], kind="stable")]
    factors = {int(place): _factor(curated, float(values[place]), sd) for place in far}
    centre = np.median(values)
    return {
        "beyond_sd": FAR,
        "robust_sd": sd,
        "count": len(far),
        "unit_mistakes": sum(factor is not None for factor in factors.values()),
        "furthest": [
            _told(measured[int(curated.rows[place])], (values[place] - centre) / sd, factors[place])
            for place in far[:LISTED].tolist()
        ],
    }


def _factor(curated: Curated, value: float, sd: float) -> float | None:
    how = curated.rules.transform
    raw = measured_again(value, how)
    if raw <= 0:
        return None
    centre = float(np.median(curated.values))
    for factor in _FACTORS:
        other = transform(raw * factor, how)
        if other is not None and abs(other - centre) <= _NEAR * sd:
            return factor
    return None


def _told(item: Measured, deviations: float, factor: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {"record": item.record, "measured": item.text, "deviations": float(deviations)}
    if factor is not None:
        told["usual_if_times"] = factor
    return told
