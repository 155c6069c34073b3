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


def split_share(share: float | None, among_descriptors: float | None = None) -> Parameter:
    """By default `share` of all features, or `among_descriptors` where there are any besides bits and
    counts, but at least _LEAST; None: their square root."""
    doc = "Features tried at each split: a fraction of all, their square root or logarithm"
    if share is not None:
        other = "" if among_descriptors is None else f" ({among_descriptors:g} where there are descriptors)"
        doc += f"; null: {share:g}{other}, but at least {_LEAST} features"
    doc += "."
    default = "sqrt" if share is None else None
    return Parameter("max_features", "number", default, doc, 1e-6, 1.0, ("sqrt", "log2"))


def column_share(given: float | None, run: Run) -> dict[str, Any]:
    """As LightGBM and XGBoost have it."""
    return {"colsample_bytree": at_least(_SHARE, run) if given is None else given}


def at_least(share: float, run: Run, among_descriptors: float | None = None) -> float:
    """The greater of the share, as `split_share` has it, and what makes _LEAST features; where nothing is
    known of them, all."""
    if among_descriptors is not None and run.continuous is not None and run.continuous.any():
        share = among_descriptors
    width = _LEAST if run.continuous is None else len(run.continuous)
    return min(1.0, max(share, _LEAST / max(width, 1)))
