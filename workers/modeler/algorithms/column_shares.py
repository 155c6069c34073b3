"""How many features a tree sees or a split tries: of a fingerprint's thousands a part, of a few all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workers.modeler.algorithms.base import Parameter, Run

_SHARE, _LEAST = 0.3, 32
COLUMN_SHARE = Parameter(
    "colsample_bytree",
    "number",
    None,
    f"Part of the features that each tree sees; null: {_SHARE:g}, but at least {_LEAST} features.",
    0.001,
    1.0,
)


def _max_features(default: str | None, told: str = "") -> Parameter:
    doc = f"Features tried at each split: a fraction of all, their square root or logarithm{told}."
    return Parameter("max_features", "number", default, doc, 1e-6, 1.0, ("sqrt", "log2"))


SQUARE_ROOT = _max_features("sqrt")


@dataclass(frozen=True, slots=True)
class SplitShare:
    """Of all features, how many a split tries by default: `alone` where all are bits or counts, and
    `among_descriptors` (None: the same) where there are others too; at least _LEAST of them."""

    alone: float
    among_descriptors: float | None = None

    @property
    def parameter(self) -> Parameter:
        default = f"{self.alone:g}"
        if self.among_descriptors is not None:
            default += f" ({self.among_descriptors:g} where there are descriptors)"
        return _max_features(None, f"; null: {default}, but at least {_LEAST} features")

    def tried(self, given: Any, run: Run) -> Any:
        """As scikit-learn has it, `given` or the default."""
        if given is not None:
            return given
        share = self.alone
        if self.among_descriptors is not None and run.continuous is not None and run.continuous.any():
            share = self.among_descriptors
        return _at_least(share, run)


def column_share(given: float | None, run: Run) -> dict[str, Any]:
    """As LightGBM and XGBoost have it."""
    return {"colsample_bytree": _at_least(_SHARE, run) if given is None else given}


def _at_least(share: float, run: Run) -> float:
    """The greater of `share` and what makes _LEAST features; where nothing is known of them, all."""
    width = _LEAST if run.continuous is None else len(run.continuous)
    return min(1.0, max(share, _LEAST / max(width, 1)))
