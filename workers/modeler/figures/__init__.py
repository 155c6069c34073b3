"""Pictures of a model. Each family is one file with its PICTURES; adding it here makes it drawn.

Drawn without any global state; the same outcome gives the same bytes.
"""

from __future__ import annotations

from workers.modeler.figures import (
    confusion,
    curves,
    importance,
    reliability,
    residuals,
    scatter,
    similarity,
)
from workers.modeler.figures.curves import roc_curve
from workers.modeler.figures.outcome import CROSS_VALIDATION, TEST, Outcome, Unseen
from workers.modeler.figures.picture import Picture
from workers.modeler.figures.thumbnail import WIDTHS, thumbnail, words_only

PICTURES: tuple[Picture, ...] = (
    *curves.PICTURES,
    *confusion.PICTURES,
    *reliability.PICTURES,
    *scatter.PICTURES,
    *residuals.PICTURES,
    *similarity.PICTURES,
    *importance.PICTURES,
)

__all__ = [
    "CROSS_VALIDATION",
    "PICTURES",
    "TEST",
    "WIDTHS",
    "Outcome",
    "Picture",
    "Unseen",
    "roc_curve",
    "thumbnail",
    "words_only",
]
