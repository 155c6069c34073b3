"""How many features a boosted tree sees: of a fingerprint's thousands a part, of a few numbers all."""

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


def column_share(given: float | None, run: Run) -> dict[str, Any]:
    """As LightGBM and XGBoost have it."""
    if given is None:
        width = _LEAST if run.continuous is None else len(run.continuous)
        given = min(1.0, max(_SHARE, _LEAST / max(width, 1)))
    return {"colsample_bytree": given}
