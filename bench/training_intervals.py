"""How often 90 % intervals and label sets hold on molecules of the test set, and how wide they are.

Against the plain variant: one width for all molecules, from the same out-of-fold errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report import Figure, Report
from bench.training_outputs import Unseen
from bench.training_sets import PublicSet
from molfleet.bundles import conformal
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.calibration import Calibrated, calibrate

CONFIDENCE = 0.9
#: Percent in which the mean over random splits should lie, for 90 % intervals.
PROMISE = (88.0, 92.0)


@dataclass(frozen=True, slots=True)
class Held:
    """Of one split: shares of the test molecules whose value was inside, and mean widths in the target's
    unit (for classes: how many labels a set has). `by_class`: shares among the molecules of each class."""

    covered: float
    width: float
    plain_covered: float
    plain_width: float
    by_class: tuple[float, ...] = ()


def calibrated(found: Unseen, seed: int) -> Calibrated:
    values, outputs, ecfp4 = found.of(found.training)
    folds = found.partition.folds[found.training]
    return calibrate(found.material.of.task, values, outputs, folds, ecfp4, seed)


def held(found: Unseen, seed: int) -> Held:
    fitted = calibrated(found, seed)
    values, outputs, ecfp4 = found.of(found.test)
    whole = next(
        one
        for one in fitted.test(values, outputs, ecfp4)
        if one.confidence == CONFIDENCE and (one.low, one.high) == (0.0, 1.0)
    )
    width = float("inf") if whole.width is None else whole.width
    seen_values, seen_outputs, _ = found.of(found.training)
    if found.material.of.task == CLASSIFICATION:
        scores = conformal.fit_classification(seen_values, seen_outputs)
        plain = _sets(scores, outputs)
        ours = _sets(fitted.arrays, fitted.apply(outputs))
        inside = ours[np.arange(len(values)), values]
        return Held(
            whole.covered,
            width,
            float(plain[np.arange(len(values)), values].mean()),
            float(plain.sum(axis=1).mean()),
            tuple(float(inside[values == label].mean()) for label in range(outputs.shape[1])),
        )
    errors = np.sort(np.abs(seen_values - seen_outputs[:, 0]))
    half = conformal.bound(errors, CONFIDENCE)
    covered = np.abs(values - outputs[:, 0]) <= half
    return Held(whole.covered, width, float(covered.mean()), 2 * half)


def _sets(arrays: Mapping[str, NDArray[Any]], outputs: FloatArray) -> NDArray[np.bool_]:
    scores = [arrays[f"scores:{label}"] for label in range(outputs.shape[1])]
    return conformal.label_sets(outputs, scores, CONFIDENCE)


def add_figures(report: Report, public: PublicSet, split: str, method: str, found: Sequence[Held]) -> None:
    """Two figures: coverage, which random splits promise, and width against the plain variant's."""
    covered = 100 * np.array([one.covered for one in found])
    plain = 100 * np.array([one.plain_covered for one in found])
    mean = float(covered.mean())
    low, high = PROMISE
    title = f"{public.name}, {split}: 90 % {'sets' if public.task == CLASSIFICATION else 'intervals'}"
    promised = split == "random"
    report.figures += [
        Figure(
            f"{title}, coverage",
            mean,
            "%",
            "plain",
            float(plain.mean()),
            # 1 in the middle of what is promised, 0 at its ends.
            1 - abs(mean - (low + high) / 2) / ((high - low) / 2) if promised else None,
            0.0 if promised else None,
        ),
        _width(title, public, found),
    ]
    error = float(covered.std(ddof=1) / np.sqrt(len(covered))) if len(covered) > 1 else float("nan")
    note = (
        f"{title} by {method}, {len(found)} splits: coverage {mean:.1f} % (standard error {error:.1f}, "
        f"{covered.min():.1f} to {covered.max():.1f}); plain {plain.mean():.1f} %"
    )
    if found[0].by_class:
        classes = 100 * np.array([one.by_class for one in found]).mean(axis=0)
        note += "; by class: " + ", ".join(f"{label} {value:.1f} %" for label, value in enumerate(classes))
    report.notes.append(note)


def _width(title: str, public: PublicSet, found: Sequence[Held]) -> Figure:
    ours = float(np.mean([one.width for one in found]))
    plain = float(np.mean([one.plain_width for one in found]))
    unit = "labels" if public.task == CLASSIFICATION else "target's unit"
    return Figure(f"{title}, mean width", ours, unit, "plain", plain, plain / ours, None)
