"""What a loaded model knows of its own errors: intervals, label sets and calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles import conformal
from molfleet.bundles.archive import OpenBundle, refuse
from molfleet.bundles.arrays import Array
from molfleet.bundles.difficulty import Difficulty
from molfleet.bundles.domain import DomainFigures
from molfleet.bundles.probability import Calibrator

Floats = NDArray[np.float64]


class Uncertainty:
    """The calibration of one bundle, row by row independent."""

    def __init__(self, bundle: OpenBundle, domain_size: int) -> None:
        """`domain_size` is how many molecules the bundle's domain keeps, 0 without one.

        Raises Rejected(INVALID_MODEL) naming the part that cannot be used.
        """
        made = bundle.manifest
        self._calibrator: Calibrator | None = None
        if made.probability:
            told = made.probability
            self._calibrator = Calibrator(told.slope, told.biases, told.floor)
        self._scores: Sequence[Floats] = ()
        self._difficulty: Difficulty | None = None
        entry = made.calibration
        if entry is None:
            return
        arrays = bundle.arrays(entry.part)
        names = [f"scores:{index}" for index in range(len(made.labels))] or ["residuals"]
        self._scores = [_sorted(arrays, name, entry.part) for name in names]
        if entry.difficulty is None:
            return
        try:
            self._difficulty = Difficulty(entry.difficulty, arrays)
        except ValueError as error:
            refuse(f"part {entry.part}: {error}")
        if len(self._difficulty) != domain_size:
            refuse(f"part {entry.part} does not fit the molecules of the applicability domain")

    @property
    def nbytes(self) -> int:
        return sum(scores.nbytes for scores in self._scores) + (
            self._difficulty.nbytes if self._difficulty else 0
        )

    def half_widths(
        self, raw: Floats, ecfp4: NDArray[np.uint8], domain: DomainFigures | None, confidence: float
    ) -> Floats:
        """Half the width of the interval of each value [n], in the estimators' space; infinite: none."""
        half = conformal.bound(self._scores[0], confidence) if self._scores else np.inf
        if self._difficulty is None or domain is None:
            return np.full(len(raw), half)
        return half * self._difficulty(raw, ecfp4, domain.rows, domain.similarities)

    def probabilities(self, outputs: Floats) -> Floats:
        """Calibrated probabilities [n, k] of a classifier's outputs."""
        return self._calibrator(outputs) if self._calibrator else np.clip(outputs, 0.0, 1.0)

    def sets(self, probabilities: Floats, confidence: float) -> NDArray[np.bool_] | None:
        """Which labels each set holds [n, k]; None where the bundle has no calibration."""
        return conformal.label_sets(probabilities, self._scores, confidence) if self._scores else None


def _sorted(arrays: dict[str, Array], name: str, part: str) -> Floats:
    array = arrays.get(name)
    sound = array is not None and array.ndim == 1 and array.dtype == np.float64
    if array is None or not sound or np.isnan(array).any() or (np.diff(array) < 0).any():
        refuse(f"part {part}: {name} is not a sorted array")
    return array
