"""The curation section of a training's result: one dict for people and programs, fit for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.chemistry.records import Reject
from workers.modeler.algorithms.base import REGRESSION
from workers.modeler.curation.cautions import warnings_about
from workers.modeler.curation.cliffs import cliffs, flat_structures
from workers.modeler.curation.distribution import class_distribution, outliers, value_distribution
from workers.modeler.curation.noise import told
from workers.modeler.curation.records import Curated, Measured, Reading, Replicates


def curation_section(
    curated: Curated,
    measured: Sequence[Measured],
    ecfp4: NDArray[np.uint8],
    *,
    others: Sequence[Reject] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """What became of every record, and what the values are worth.

    `ecfp4` uint8 [used, 256] are the fingerprints of `curated.rows`, which may be a sub-sample; `others`
    the rejects from before curation (no molecule, no value). Always: `records` = `used` +
    `not_sampled` + the sum of `skipped`.
    """
    rejects = [*others, *curated.rejects]
    section: dict[str, Any] = {
        "target": curated.rules.target,
        "task": curated.task,
        "reason": curated.reason,
        "records": len(measured) + len(others),
        "used": len(curated.rows),
        "molecules": len(np.unique(curated.molecules)),
        "not_sampled": len(measured) - len(curated.rejects) - len(curated.rows),
        "skipped": dict(sorted(Counter(str(reject.code) for reject in rejects).items())),
        "replicates": _replicates(curated.rules.replicates, curated.replicates),
        "noise": told(curated.noise),
        "cliffs": cliffs(curated, measured, ecfp4, seed),
        "stereoisomers": flat_structures(curated, measured, ecfp4),
    }
    if curated.task == REGRESSION:
        section |= {
            "units": _units(curated, curated.reading),
            "censored": _censored(curated, curated.reading),
            "distribution": value_distribution(curated),
            "outliers": outliers(curated, measured),
        }
    else:
        section["distribution"] = class_distribution(curated)
    section["warnings"] = warnings_about(curated, section)
    return section


def _units(curated: Curated, reading: Reading) -> dict[str, Any]:
    return {
        "named": curated.rules.units,
        "values": curated.units,
        "transform": curated.rules.transform,
        "decimal": reading.decimal,
        "without_unit": reading.bare,
        "in_file": dict(sorted(reading.spellings.items())),
        "conversions": [
            {"from": source, "to": target, "records": count}
            for (source, target), count in sorted(reading.conversions.items())
        ],
    }


def _censored(curated: Curated, reading: Reading) -> dict[str, Any]:
    return {
        "rule": curated.rules.censored,
        "left_out": sum(reading.bounds.values()) - reading.bounds_used,
        "used": reading.bounds_used,
        "relations": dict(sorted(reading.bounds.items())),
        "with_error": reading.with_error,
    }


def _replicates(rule: str, replicates: Replicates) -> dict[str, Any]:
    return {
        "rule": rule,
        "molecules": replicates.molecules,
        "records": replicates.records,
        "disagreeing": replicates.disagreeing,
        "worst": [
            {
                "records": list(worst.records),
                "measured": list(worst.texts),
                **({"unit_mistake": True} if worst.unit_mistake else {}),
            }
            for worst in replicates.worst
        ],
    }
