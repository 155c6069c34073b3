"""What a training came to, on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Figures for people; the metrics file has them all.
_SHOWN = ("AUC", "AUPRC", "BALANCED_ACCURACY", "MCC", "LOG_LOSS", "RMSE", "MAE", "R2", "SPEARMAN")
_COLUMNS = ("", "cross-validation", "test (95 %)", "trivial", "new scaffolds")


def lines(event: Any) -> Iterator[str]:
    """A ModelTrained event: whose model it is, its figures beside trivial ones, coverage and warnings."""
    told: Mapping[str, str] = event.metadata
    yield f"{event.model_name}: {event.task}, {event.method_display_name}"
    yield f"{event.records_used:,} records used, {event.records_skipped:,} skipped"
    yield ""
    rows = [_COLUMNS, *_figures(event, told)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    shown = [place for place in range(len(_COLUMNS)) if any(row[place] for row in rows[1:])]
    for row in rows:
        yield "  ".join(row[place].ljust(widths[place]) for place in shown).rstrip()
    yield ""
    covered = {subset: told.get(f"coverage.90.{subset}") for subset in ("test", "validation")}
    said = [f"{share} ({subset})" for subset, share in covered.items() if share]
    if said:
        kind = "intervals" if event.task == "regression" else "label sets"
        yield f"90 % {kind} held for {', '.join(said)}"
    if event.modi is not None:
        yield f"modelability {event.modi:.2f}"
    yield from (f"! {text}" for name, text in told.items() if name.startswith("warning."))


def _figures(event: Any, told: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    folds = {m.name: m for m in event.metrics if m.subset == "validation" and m.fold is None}
    for name in _SHOWN:
        metric = folds.get(name)
        if metric is None:
            continue
        spread = "" if metric.std is None else f" ± {metric.std:.2g}"
        final = f"final_model.test.{name}"
        yield (
            name,
            f"{metric.value:.3g}{spread}",
            _number(told, final) + _interval(told, final),
            _number(told, f"{final}.baseline"),
            _number(told, f"scaffold_split.test.{name}"),
        )


def _number(told: Mapping[str, str], name: str) -> str:
    return f"{float(told[name]):.3g}" if name in told else ""


def _interval(told: Mapping[str, str], name: str) -> str:
    ends = told.get(f"{name}.ci95", "").split()
    return " ({:.3g} to {:.3g})".format(*map(float, ends)) if len(ends) == 2 else ""
