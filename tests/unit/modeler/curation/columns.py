"""Columns of measured texts, curated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from molfleet.errors import RecordCode
from workers.modeler.curation import Curated, Measured, Rules, curate

VALUES = [str(number / 2) for number in range(1, 13)]
LABELS = ["yes", "no", "no"] * 4


def measured(texts: Sequence[str], names: Sequence[str] | None = None) -> list[Measured]:
    """Records 0, 1, ... of molecules that are all different, unless `names` names them."""
    return [
        Measured(record, record + 2, f"title {record}", names[record] if names else f"C{record}", text)
        for record, text in enumerate(texts)
    ]


def curated(texts: Sequence[str], names: Sequence[str] | None = None, **rules: Any) -> Curated:
    return curate(measured(texts, names), Rules("y", **rules))


def codes(result: Curated) -> dict[int, RecordCode]:
    return {reject.record: reject.code for reject in result.rejects}
