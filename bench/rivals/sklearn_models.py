"""What anybody writes in ten lines: ECFP4 by RDKit, a model of a library with its own defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Matrix, Task

#: (training features, training values, test features, task, seed) -> value or probability of class 1, [n].
Rival = Callable[[Matrix, NDArray[Any], Matrix, Task, int], FloatArray]


def ecfp4(smiles: Sequence[str]) -> Matrix:
    """2048 bits, radius 2; float32 (molecules, 2048)."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return np.stack([generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(one)) for one in smiles]).astype(
        np.float32
    )


def _fitted(
    classifier: Callable[..., Any],
    regressor: Callable[..., Any],
    settings: Mapping[str, Any],
    x: Matrix,
    y: NDArray[Any],
    unseen: Matrix,
    task: Task,
    seed: int,
) -> FloatArray:
    if task == CLASSIFICATION:
        model = classifier(random_state=seed, **settings).fit(x, y)
        return np.asarray(model.predict_proba(unseen)[:, 1], dtype=np.float64)
    return np.asarray(regressor(random_state=seed, **settings).fit(x, y).predict(unseen), dtype=np.float64)


#: Nothing is set but the seed, the number of threads, and silence.
RIVALS: Mapping[str, Rival] = {
    "scikit-learn random forest, ECFP4": partial(
        _fitted, RandomForestClassifier, RandomForestRegressor, {"n_jobs": 1}
    ),
    "LightGBM defaults, ECFP4": partial(
        _fitted, lightgbm.LGBMClassifier, lightgbm.LGBMRegressor, {"n_jobs": 1, "verbosity": -1}
    ),
}
