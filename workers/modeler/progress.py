"""How far the training has come, as one fraction with the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable

Report = Callable[[str, float, str, float | None], None]

#: Share of the whole at which each stage ends; measured on fingerprints and forests of usual size.
STAGES = {"featurize": 0.3, "cross-validate": 0.75, "fit": 0.87, "verify": 0.92, "package": 1.0}
#: Before so many seconds a rate says nothing.
_SETTLED_S = 2.0


class Progress:
    """Turns (stage, share of the stage) into calls of the context's `progress`."""

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._began = clock()
        names = list(STAGES)
        self._begins = {name: STAGES[names[i - 1]] if i else 0.0 for i, name in enumerate(names)}

    def __call__(self, stage: str, share: float, message: str = "") -> None:
        begin = self._begins[stage]
        fraction = begin + (STAGES[stage] - begin) * min(max(share, 0.0), 1.0)
        passed = self._clock() - self._began
        eta = passed * (1 - fraction) / fraction if passed > _SETTLED_S and fraction > 0 else None
        self._report(stage, fraction, message, eta)
