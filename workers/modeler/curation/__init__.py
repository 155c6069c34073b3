"""Curation: from records that are molecules with a text in the target's field to one value each.

`curate` reads, converts, transforms and merges; `curation_section` tells what was found. The workflow is
that of Fourches, Muratov and Tropsha (J. Chem. Inf. Model. 2010, 50, 1189; 2016, 56, 1243); structures
are standardized before, by `molfleet.chemistry`.
"""

from workers.modeler.curation.curating import curate
from workers.modeler.curation.labels import MAX_CLASSES, label_key
from workers.modeler.curation.numerals import is_missing
from workers.modeler.curation.records import MIN_MOLECULES, Curated, Measured, Rules, unsuitable
from workers.modeler.curation.section import curation_section
from workers.modeler.curation.tasks import FoundTask, find_task
from workers.modeler.curation.transforms import measured_again, modelled_name, transform

__all__ = [
    "MAX_CLASSES",
    "MIN_MOLECULES",
    "Curated",
    "FoundTask",
    "Measured",
    "Rules",
    "curate",
    "curation_section",
    "find_task",
    "is_missing",
    "label_key",
    "measured_again",
    "modelled_name",
    "transform",
    "unsuitable",
]
