"""What both prediction commands have in common, checked before anything is fetched."""

from __future__ import annotations

from collections.abc import Collection

from molfleet.bundles.predict import Model
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import PredictProperties, SingleStructurePredict


def check_common(command: PredictProperties | SingleStructurePredict) -> None:
    """Raises Rejected, naming the field: INVALID_COMMAND, or UNKNOWN_NAME for an option."""
    if command.options:
        name = next(iter(command.options))
        kind = type(command).__name__
        raise Rejected(
            Code.UNKNOWN_NAME,
            f"{kind} has no option called {name!r}. Known: none.",
            details={"field": "options"},
        )
    if not 0.0 < command.confidence < 1.0:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"confidence must be above 0 and below 1, and is {command.confidence:g}.",
            details={"field": "confidence"},
        )


def require_columns(model: Model, name: str, there: Collection[str], where: str, hint: str) -> None:
    """A column may be blank here and there, but one that is not there at all was forgotten, or renamed.

    Raises Rejected(INVALID_COMMAND) naming the columns and the model.
    """
    missing = [column for column in model.columns if column not in there]
    if missing:
        columns = ", ".join(map(repr, missing))
        raise Rejected(
            Code.INVALID_COMMAND,
            f"{where} has no {columns}, which the model {name} takes besides the structure. {hint}",
            details={"columns": ", ".join(missing), "model": model.manifest.id},
        )
