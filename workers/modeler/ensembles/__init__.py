"""Methods that combine others: the rows that TrainModel can name, with `members` to choose from."""

from __future__ import annotations

from workers.modeler.ensembles.base import Ensemble
from workers.modeler.ensembles.stacking import BLENDING, STACKING
from workers.modeler.ensembles.voting import VOTING

ENSEMBLES: tuple[Ensemble, ...] = (VOTING, STACKING, BLENDING)
