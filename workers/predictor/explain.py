"""Why a model says what it says: the training molecules that are nearest to the structure."""

from __future__ import annotations

from molfleet.bundles.features import Molecule
from molfleet.bundles.predict import Model
from molfleet.messages.generated import Analogue, Explanation

ANALOGUES = 5


def explanation_by(model: Model, structure: Molecule) -> Explanation:
    """The nearest training molecules of the first model that answered."""
    found = model.analogues(structure.ecfp4(model.featurization.level), ANALOGUES)
    analogues = [
        Analogue(smiles=one.smiles, measured=_measured(one.measured, model), similarity=one.similarity)
        for one in found
    ]
    return Explanation(method="analogues", analogues=analogues)


def _measured(text: str, model: Model) -> float | str | None:
    """The measured value of a regression as a number, a label as text; None where nothing is known."""
    if model.manifest.labels or not text:
        return text or None
    try:
        return float(text)
    except ValueError:
        return text
