"""What a careful reader would say about a training set, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workers.modeler.algorithms.base import REGRESSION
from workers.modeler.curation.cliffs import MOLECULES
from workers.modeler.curation.distribution import FAR
from workers.modeler.curation.noise import FEW, Noise
from workers.modeler.curation.records import Curated

#: A smallest class below this share of the records is told.
_RARE = 0.1
#: Values of one sign over so many decades are usually modelled as logarithms.
_DECADES = 3.0
#: Shares above which something is worth a sentence.
_MANY_CLIFFS = 0.1
_MANY_SKIPPED = 0.2
_MANY_CENSORED = 0.1
_SMALL_SET = 100


def warnings_about(curated: Curated, section: Mapping[str, Any]) -> list[str]:
    """Sentences about `section`, as `curation_section` makes it."""
    found = [*curated.reading.notes, *_set(section), *_replicates(section), *_noise(curated.noise)]
    found += _values(curated, section) if curated.task == REGRESSION else _classes(section)
    found += _neighbours(section)
    return found


def _set(section: Mapping[str, Any]) -> Iterator[str]:
    if section["molecules"] < _SMALL_SET:
        yield f"{section['molecules']:,} molecules are few: every figure of this model is uncertain."
    skipped = sum(section["skipped"].values())
    if skipped > _MANY_SKIPPED * section["records"]:
        yield (
            f"{skipped:,} of {section['records']:,} records were not used: "
            + ", ".join(f"{count:,} {code}" for code, count in section["skipped"].items())
            + "; the rejects file says why for each."
        )


def _replicates(section: Mapping[str, Any]) -> Iterator[str]:
    mistakes = [worst for worst in section["replicates"]["worst"] if "unit_mistake" in worst]
    if mistakes:
        first = mistakes[0]
        yield (
            f"Among the worst replicates, {len(mistakes)} molecules have values that are a factor of 1,000 "
            f"or 1,000,000 apart, as if a unit had been mistaken; the first in records "
            f"{', '.join(map(str, first['records']))}: {', '.join(first['measured'])}."
        )


def _noise(noise: Noise | None) -> Iterator[str]:
    if noise is None:
        yield "No molecule was measured twice, so that the noise of the measurements is not known."
        return
    if 2 * noise.identical > noise.pairs and noise.disagreement is None:
        yield (
            f"{noise.identical:,} of {noise.pairs:,} pairs of replicates are the same to the last digit: "
            "they are rather copies of one measurement, and the noise is underestimated."
        )
    if noise.degrees < FEW:
        yield (
            f"The noise of the measurements is estimated from {noise.molecules} molecules with "
            f"{noise.records} records only."
        )
    if noise.best_r2 is not None and noise.best_r2 < 0.8:
        yield (
            f"The measurements scatter so much that no model can look better than R2 {noise.best_r2:.2f}, "
            f"RMSE {noise.best_rmse:.3g}."
        )
    if noise.best_accuracy is not None and noise.best_accuracy < 0.95:
        yield (
            f"{noise.disagreement:.0%} of the replicates disagree, so that no model can look better than "
            f"accuracy {noise.best_accuracy:.2f} on single records."
        )


def _values(curated: Curated, section: Mapping[str, Any]) -> Iterator[str]:
    for conversion in section["units"]["conversions"]:
        yield "{records:,} values were converted from {from} to {to}.".format(**conversion)
    censored = section["censored"]
    bounds = censored["left_out"] + censored["used"]
    if bounds > _MANY_CENSORED * section["records"]:
        done = "left out" if censored["left_out"] else "taken as if they were measured"
        yield (
            f"{bounds:,} values are bounds, ranges or approximate and were {done}: the model knows little "
            "of what lies beyond them."
        )
    values, transform = curated.values, curated.rules.transform
    if transform == "p" and float(np.median(values)) < 0:
        yield (
            "Half of the values are above 1 mol/L: if they are in another unit, the command's units must "
            "say so."
        )
    lowest, highest = float(np.min(values)), float(np.max(values))
    if transform == "none" and lowest > 0 and np.log10(highest) - np.log10(lowest) > _DECADES:
        yield (
            f"The values range over {np.log10(highest) - np.log10(lowest):.1f} decades: target_transform "
            "log10 (or p, for concentrations) is usual for such a target."
        )
    distribution = section["distribution"]
    if distribution["different"] <= 10:
        yield (
            f"There are only {distribution['different']} different values; if they are codes, send the "
            "task classification."
        )
    if 2 * distribution["commonest"]["count"] > distribution["count"]:
        yield (
            f"{distribution['commonest']['count']:,} of {distribution['count']:,} values are the same, "
            f"{distribution['commonest']['value']:g}: whether a molecule has this value may be the better "
            "question, as a classification."
        )
    far = section["outliers"]
    if far["count"]:
        first, suspects = far["furthest"][0], far["unit_mistakes"]
        mistaken = f"; {suspects:,} would be usual in a unit 1,000 times another" if suspects else ""
        yield (
            f"{far['count']:,} values are more than {FAR:g} robust standard deviations from the median, "
            f"the furthest in record {first['record']}: {first['measured']}{mistaken}. "
            "They were kept."
        )


def _classes(section: Mapping[str, Any]) -> Iterator[str]:
    classes: Mapping[str, int] = section["distribution"]["classes"]
    rarest = min(classes, key=lambda label: classes[label])
    share = classes[rarest] / section["used"]
    if share < _RARE:
        yield (
            f"Only {classes[rarest]:,} of {section['used']:,} records ({share:.1%}) are {rarest!r}: "
            "accuracy says little here, look at balanced accuracy, MCC and the precision-recall curve."
        )


def _neighbours(section: Mapping[str, Any]) -> Iterator[str]:
    found = section["cliffs"]
    if found["sampled"]:
        yield f"Activity cliffs were counted in a seeded sample of {MOLECULES:,} records."
    if found["share_of_molecules"] > _MANY_CLIFFS:
        yield (
            f"{found['share_of_molecules']:.0%} of the molecules are on an activity cliff: models that "
            "interpolate between similar molecules will err there."
        )
    stereo = section["stereoisomers"]
    if stereo["disagreeing"]:
        yield (
            f"{stereo['disagreeing']:,} structures have stereoisomers that measure differently; features "
            "without stereochemistry cannot tell them apart."
        )
