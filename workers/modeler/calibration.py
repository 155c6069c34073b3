"""What a model is told of its own errors: conformal scores, calibrated probabilities, measured coverage.

Everything comes from pooled out-of-fold outputs: each training record's output of a model that did not
see it. What turns outputs into scores (difficulty, calibration of probabilities) is fitted and chosen
for each record without its own fold, so that no score helped to choose how it is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles import conformal, manifest
from molfleet.bundles.arrays import Array
from molfleet.bundles.difficulty import Difficulty
from molfleet.bundles.domain import NEIGHBOURS, kept_rows
from molfleet.bundles.probability import Calibrator
from molfleet.bundles.similarity import Neighbours, neighbours
from workers.modeler import difficulty
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task
from workers.modeler.probabilities import cross_calibrated, fit_calibrator

CONFIDENCES = (0.8, 0.9, 0.95)
#: Bands of similarity to the nearest molecule that the model knew; the last includes 1.
BANDS = ((0.0, 1.0), (0.0, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.7), (0.7, 1.0))

Bits = NDArray[np.uint8]
_Judged = tuple[float, NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Calibrated:
    """What is sealed, and what is reported.

    `arrays` are the calibration's part, `outputs` [n, k] the out-of-fold outputs as the model would
    give them: for classification calibrated, each without its own fold. `known` [m, 256] are the
    fingerprints of the domain's molecules.
    """

    task: Task
    arrays: Mapping[str, Array]
    outputs: FloatArray
    size: int
    difficulty: manifest.Difficulty | None
    probability: manifest.Probability | None
    coverage: tuple[manifest.Coverage, ...]
    known: Bits

    def entry(self, part: str, tested: tuple[manifest.Coverage, ...] = ()) -> manifest.Calibration:
        """What the manifest says of it; `tested` is the coverage of the test set."""
        return manifest.Calibration(
            part=part, size=self.size, difficulty=self.difficulty, coverage=self.coverage + tested
        )

    def apply(self, outputs: FloatArray) -> FloatArray:
        """The model's outputs [n, k] from its estimators': probabilities calibrated, values as they are."""
        if self.probability is None:
            return np.clip(outputs, 0.0, 1.0) if self.task == CLASSIFICATION else outputs
        return calibrator(self.probability)(outputs)

    def test(self, values: NDArray[Any], outputs: FloatArray, ecfp4: Bits) -> tuple[manifest.Coverage, ...]:
        """Coverage on a test set of values [n]: the estimators' `outputs` [n, k], `ecfp4` [n, 256]."""
        if not len(values):
            return ()
        near = neighbours(ecfp4, self.known, NEIGHBOURS)
        judged: list[_Judged] = []
        for confidence in CONFIDENCES:
            if self.task == CLASSIFICATION:
                scores = [self.arrays[f"scores:{label}"] for label in range(outputs.shape[1])]
                sets = conformal.label_sets(self.apply(outputs), scores, confidence)
                judged.append((confidence, sets[np.arange(len(values)), values], sets.sum(axis=1)))
                continue
            half = self._half(outputs, ecfp4, near, confidence)
            judged.append((confidence, np.abs(values - outputs[:, 0]) <= half, 2 * half))
        return tuple(_by_band("test", near.similarities[:, 0], judged))

    def half_width(self, outputs: FloatArray, ecfp4: Bits, confidence: float) -> FloatArray:
        """Half of the interval around each value of `outputs` [n, 1], in model space."""
        return self._half(outputs, ecfp4, neighbours(ecfp4, self.known, NEIGHBOURS), confidence)

    def _half(self, outputs: FloatArray, ecfp4: Bits, near: Neighbours, confidence: float) -> FloatArray:
        sizes = np.ones(len(outputs))
        if self.difficulty is not None:
            estimate = Difficulty(self.difficulty, dict(self.arrays))
            sizes = estimate(outputs[:, 0], ecfp4, near.rows, near.similarities.astype(np.float64))
        return conformal.bound(self.arrays["residuals"], confidence) * sizes


def calibrator(entry: manifest.Probability) -> Calibrator:
    return Calibrator(entry.slope, entry.biases, entry.floor)


def calibrate(
    task: Task, values: NDArray[Any], outputs: FloatArray, folds: NDArray[Any], ecfp4: Bits, seed: int
) -> Calibrated:
    """From n training records, in the order in which `domain.fit` has them, with the same seed.

    `values` [n] as modelled (label indices, or values after the target's transform), `outputs` [n, k]
    out-of-fold in the same space, `folds` [n] in which each record was held out, `ecfp4` uint8 [n, 256].
    Of more than 20,000 records those are scored that the domain keeps.
    """
    kept = kept_rows(len(values), seed)
    if task == CLASSIFICATION:
        return _classification(values, outputs, folds, ecfp4, kept)
    known = difficulty.records(
        outputs[kept, 0].astype(np.float64), values[kept].astype(np.float64), folds[kept], ecfp4[kept]
    )
    sizes, fitted = difficulty.cross_fitted(known)
    scores = known.errors / sizes
    arrays = conformal.fit_regression(scores)
    if fitted is not None:
        arrays |= {"errors": known.errors, "values": known.values}
    judged: list[_Judged] = []
    for confidence in CONFIDENCES:
        half = sizes * _without_own_fold(scores, known.folds, confidence)
        judged.append((confidence, known.errors <= half, 2 * half))
    return Calibrated(
        task=task,
        arrays=arrays,
        outputs=outputs,
        size=len(kept),
        difficulty=fitted,
        probability=None,
        coverage=tuple(_by_band("validation", known.similarities[:, 0], judged)),
        known=known.ecfp4,
    )


def _classification(
    values: NDArray[Any],
    outputs: FloatArray,
    folds: NDArray[Any],
    ecfp4: Bits,
    kept: NDArray[np.int64],
) -> Calibrated:
    calibrated = cross_calibrated(values, outputs, folds)
    fitted = fit_calibrator(values, outputs, folds)
    n_labels = outputs.shape[1]
    scored = calibrated[kept]
    if n_labels == 2:
        # One calibration keeps the order of scores, and sets depend on nothing else; one for each fold
        # would mix their order.
        scored = fitted(outputs[kept]) if fitted else np.clip(outputs[kept], 0.0, 1.0)
    scores = 1.0 - scored
    labels, of_fold, packed = values[kept], folds[kept], ecfp4[kept]
    nearest = neighbours(packed, packed, 1, query_groups=of_fold, reference_groups=of_fold)
    judged: list[_Judged] = []
    for confidence in CONFIDENCES:
        sets = np.empty(scores.shape, np.bool_)
        for label in range(n_labels):
            own = np.where(labels == label, scores[:, label], np.nan)
            sets[:, label] = scores[:, label] <= _without_own_fold(own, of_fold, confidence) + 1e-9
        judged.append((confidence, sets[np.arange(len(labels)), labels], sets.sum(axis=1)))
    return Calibrated(
        task=CLASSIFICATION,
        arrays=conformal.fit_classification(labels, scored),
        outputs=calibrated,
        size=len(kept),
        difficulty=None,
        probability=None
        if fitted is None
        else manifest.Probability(slope=fitted.slope, biases=fitted.biases, floor=fitted.floor),
        coverage=tuple(_by_band("validation", nearest.similarities[:, 0], judged)),
        known=packed,
    )


def _without_own_fold(scores: FloatArray, folds: NDArray[Any], confidence: float) -> FloatArray:
    """For each record the bound from the scores of the other folds; NaN scores are no scores."""
    bounds = np.empty(len(scores))
    for fold in np.unique(folds):
        others = scores[folds != fold]
        bounds[folds == fold] = conformal.bound(np.sort(others[~np.isnan(others)]), confidence)
    return bounds


def _by_band(
    subset: manifest.Subset,
    similarity: NDArray[Any],
    judged: list[_Judged],
) -> Iterator[manifest.Coverage]:
    """`judged`: for each confidence which records were covered, and how wide the interval or set was."""
    for confidence, covered, width in judged:
        for low, high in BANDS:
            inside = (similarity >= low) & ((similarity < high) | (high == 1.0))
            if inside.any():
                mean = float(np.mean(width[inside]))
                yield manifest.Coverage(
                    confidence=confidence,
                    subset=subset,
                    low=low,
                    high=high,
                    count=int(inside.sum()),
                    covered=float(np.mean(covered[inside])),
                    width=mean if np.isfinite(mean) else None,
                )
