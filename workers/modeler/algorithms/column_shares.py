"""How many features a tree sees or a split tries: of a fingerprint's thousands a part, of a few all."""

from __future__ import annotations

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


def split_share(share: float | None) -> Parameter:
    """By default `share` of all features, but at least _LEAST; None: their square root."""
    doc = "Features tried at each split: a fraction of all, their square root or logarithm"
    doc += "." if share is None else f"; null: {share:g}, but at least {_LEAST} features."
    default = "sqrt" if share is None else None
    return Parameter("max_features", "number", default, doc, 1e-6, 1.0, ("sqrt", "log2"))


def column_share(given: float | None, run: Run) -> dict[str, Any]:
    """As LightGBM and XGBoost have it."""
    return {"colsample_bytree": at_least(_SHARE, run) if given is None else given}


def at_least(share: float, run: Run) -> float:
    """The greater of `share` and what makes so many features; where nothing is known of them, all."""
    width = _LEAST if run.continuous is None else len(run.continuous)
    return min(1.0, max(share, _LEAST / max(width, 1)))
