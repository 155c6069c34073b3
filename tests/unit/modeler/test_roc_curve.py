from __future__ import annotations

import numpy as np
from sklearn import metrics as oracle

from workers.modeler.figures import roc_curve


def test_the_drawn_roc_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive, scores = rng.random(100) < 0.4, np.round(rng.random(100), 1)
    false, true, _ = oracle.roc_curve(positive, scores, drop_intermediate=False)
    ours = roc_curve(positive, scores)
    assert np.allclose(ours[0], false)
    assert np.allclose(ours[1], true)
