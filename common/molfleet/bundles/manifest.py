"""What `manifest.json` of a model bundle says: frozen, validated, independent of the training libraries.

Keys that this version does not know are ignored: whether a newer bundle can be read at all is said by
its `format_version` alone (`MAJOR.MINOR`; another major, or a newer minor, is refused).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

FORMAT = (1, 1)
FORMAT_VERSION = f"{FORMAT[0]}.{FORMAT[1]}"
MANIFEST = "manifest.json"

Task = Literal["classification", "regression"]
Standardize = Literal["none", "parent", "parent-neutral", "tautomer"]
TargetTransform = Literal["none", "log10", "p"]
Subset = Literal["train", "validation", "test"]
#: Values of open-ended maps, as FeaturizerSpec.parameters has them on the wire.
Value = bool | int | float | str | list[str] | list[float] | None

_PART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


def check_part_name(name: str) -> str:
    """`name` if it is a safe relative path of plain characters; raises ValueError."""
    if len(name) > 200 or not _PART_NAME.fullmatch(name) or name == MANIFEST:
        raise ValueError(f"{name!r} is not a name for a part of a bundle")
    return name


PartName = Annotated[str, AfterValidator(check_part_name)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")


class PartInfo(_Frozen):
    sha256: Sha256
    size: int = Field(ge=0)


class Featurizer(_Frozen):
    """One featurizer of the model. `names` are its columns where they have names (descriptors): where
    its type can, they are selected by name, so that a newer RDKit may have more of them. `n_features` is
    its width."""

    type: str
    size: int | None = None
    radius: int | None = None
    parameters: Mapping[str, Value] = {}
    n_features: int = Field(ge=1)
    names: tuple[str, ...] = ()


class Preparation(_Frozen):
    """What is done to the features in float64 before they are cast to float32 for the estimators.

    `part` is an npz with any of: `keep` int64 [m] (columns taken, in this order), `fill` float64 [m]
    (put where a value is NaN), `center` and `scale` float64 [m] (x -> (x - center) / scale, scale 0 as 1),
    `limit` float64 [m] (what lies further from 0 after that is put there).
    """

    scaler: str | None = None
    part: PartName


class Algorithm(_Frozen):
    code: str
    display_name: str
    parameters: Mapping[str, Value] = {}


class Estimator(_Frozen):
    """One estimator. `kind` is a row of the catalogue of estimators. `any_block` says that a row's output
    is the same bit for bit in whatever block it is computed (tree ensembles on one thread); the rows of
    others are computed one by one. A value is `center + scale x output`. Those of one `group` are
    combined, by their `weight` where nothing else is said; `preparation` None: that of the model."""

    kind: str = "onnx"
    part: PartName
    weight: FiniteFloat = Field(1.0, gt=0)
    any_block: bool = False
    group: int = Field(0, ge=0)
    preparation: Preparation | None = None
    center: FiniteFloat = 0.0
    scale: FiniteFloat = Field(1.0, gt=0)


class Combination(_Frozen):
    """How the estimators of a group become one: a row of the catalogue of combinations. `part` is an npz
    with `weights` and `intercept` (bundles.composition)."""

    kind: str = "mean"
    part: PartName | None = None


class Member(_Frozen):
    """What an ensemble is made of, for people: `featurizers` are positions in the model's own."""

    algorithm: Algorithm
    featurizers: tuple[int, ...]
    scaler: str | None = None
    weight: FiniteFloat = 1.0


class Metric(_Frozen):
    """One figure, as ModelTrained has it; `fold` None = over the folds. NaN and infinity are as text."""

    name: str
    target: str
    subset: Subset
    fold: int | None = None
    value: float
    std: float | None = None


class TrainingSet(_Frozen):
    """`sha256` is the digest of the input file, `records` how many were used, after curation."""

    sha256: Sha256
    records: int = Field(ge=1)
    skipped: int = Field(0, ge=0)


class Split(_Frozen):
    name: str
    test_set_size: float = Field(ge=0, lt=1)
    k_fold: int = Field(ge=0)
    sub_sample_size: float = Field(1.0, gt=0, le=1)
    refit: Literal["all", "folds"] = "all"


class ApplicabilityDomain(_Frozen):
    """Parameters of bundles.domain. `part` is an npz, `molecules` a text part with one training
    molecule per line: SMILES, tab, measured value or label (in the order of the packed fingerprints)."""

    part: PartName
    molecules: PartName
    similarity_threshold: FiniteFloat = Field(ge=0, le=1)
    quantile: FiniteFloat = Field(0.05, gt=0, lt=1)
    components: int = Field(ge=0, le=50)
    bandwidth: FiniteFloat = Field(ge=0)


class Sign(_Frozen):
    """One sign of difficulty (see bundles.difficulty): its mean, standard deviation and coefficient."""

    name: str
    center: FiniteFloat
    scale: FiniteFloat = Field(gt=0)
    coefficient: FiniteFloat


class Difficulty(_Frozen):
    """The model of a regression's absolute error, log-linear in `signs`; logs between `lowest` and
    `highest`. `error` and `spread`: mean absolute error and standard deviation of the training set."""

    signs: tuple[Sign, ...] = Field(min_length=1)
    intercept: FiniteFloat
    lowest: FiniteFloat = Field(ge=-700, le=700)
    highest: FiniteFloat = Field(ge=-700, le=700)
    error: FiniteFloat = Field(gt=0)
    spread: FiniteFloat = Field(gt=0)


class Coverage(_Frozen):
    """How often intervals or label sets held the truth, measured on what the model had not seen:
    out-of-fold training molecules (`validation`) or the test set. `low` <= similarity < `high` to the
    nearest molecule that the model knew. `width` is an interval's mean in the estimators' space (None:
    unbounded), or the mean number of labels in a set."""

    confidence: FiniteFloat = Field(gt=0, lt=1)
    subset: Subset
    low: FiniteFloat = 0.0
    high: FiniteFloat
    count: int = Field(ge=1)
    covered: FiniteFloat = Field(ge=0, le=1)
    width: FiniteFloat | None = None


class Calibration(_Frozen):
    """Conformal calibration. `part` is an npz: regression `residuals` float64 (sorted out-of-fold
    scores: absolute residuals in the space of the estimators, divided by sigma where there is a
    `difficulty`, which has `errors` and `values` float64 of the domain's molecules there too),
    classification `scores:<index of label>` float64 (sorted nonconformity scores, one minus the
    calibrated probability of the true label)."""

    part: PartName
    size: int = Field(ge=1)
    difficulty: Difficulty | None = None
    coverage: tuple[Coverage, ...] = ()


class Probability(_Frozen):
    """From a classifier's outputs to its probabilities: softmax(slope x log(output + floor) + biases)."""

    slope: FiniteFloat = Field(gt=0)
    biases: tuple[FiniteFloat, ...]
    floor: FiniteFloat = Field(gt=0)


class Golden(_Frozen):
    """Molecules whose features and predictions are stored: npz with `features` float32 [g, n_features]
    and `outputs` float64 [g, 1 or labels] (averaged estimator outputs, before the inverse transform).
    `properties` are what each one's record says in the columns that the model takes; none where it takes
    none."""

    smiles: tuple[str, ...] = Field(min_length=1, max_length=64)
    part: PartName
    properties: tuple[Mapping[str, str], ...] = ()

    @model_validator(mode="after")
    def _properties_fit_the_molecules(self) -> Self:
        if self.properties and len(self.properties) != len(self.smiles):
            raise ValueError("golden molecules and their properties are not of one number")
        return self


class Manifest(_Frozen):
    """All that is known of a model without opening its parts; `parts` is filled in by `write_bundle`."""

    format_version: str = FORMAT_VERSION
    id: str
    name: str = Field(min_length=1)
    task: Task
    targets: tuple[str, ...] = Field(min_length=1, max_length=1)
    labels: tuple[str, ...] = ()
    positive_label: str | None = None
    units: str | None = None
    target_transform: TargetTransform = "none"
    featurizers: tuple[Featurizer, ...] = Field(min_length=1, max_length=256)
    standardize: Standardize
    preparation: Preparation | None = None
    algorithm: Algorithm
    members: tuple[Member, ...] = ()
    estimators: tuple[Estimator, ...] = Field(min_length=1, max_length=1024)
    combinations: tuple[Combination, ...] = ()
    metrics: tuple[Metric, ...] = ()
    final_metrics: tuple[Metric, ...] = ()
    sections: Mapping[str, JsonValue] = {}
    training_set: TrainingSet
    split: Split
    seed: int
    library_versions: Mapping[str, str]
    applicability_domain: ApplicabilityDomain | None = None
    calibration: Calibration | None = None
    probability: Probability | None = None
    golden: Golden
    metadata: Mapping[str, str] = {}
    parts: Mapping[PartName, PartInfo] = {}

    @model_validator(mode="after")
    def _labels_fit_the_task(self) -> Self:
        if self.task == "regression":
            if self.labels or self.positive_label is not None:
                raise ValueError("a regression model has no labels")
        elif len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ValueError("a classification model needs at least two different labels")
        elif len(self.labels) == 2 and self.positive_label not in self.labels:
            raise ValueError("positive_label must be one of the two labels")
        if self.probability and len(self.probability.biases) != len(self.labels):
            raise ValueError("the calibration of probabilities needs one bias for each label")
        return self

    @model_validator(mode="after")
    def _groups_are_complete(self) -> Self:
        groups = {estimator.group for estimator in self.estimators}
        if groups != set(range(len(groups))):
            raise ValueError("the groups of the estimators are not numbered from 0 without a gap")
        if self.combinations and len(self.combinations) != len(groups):
            raise ValueError("there is not one combination for each group of estimators")
        return self

    @property
    def n_features(self) -> int:
        return sum(featurizer.n_features for featurizer in self.featurizers)

    @property
    def n_outputs(self) -> int:
        return len(self.labels) or 1

    def named_parts(self) -> frozenset[str]:
        """The parts that the other fields refer to."""
        names = {estimator.part for estimator in self.estimators} | {self.golden.part}
        preparations = [self.preparation, *(estimator.preparation for estimator in self.estimators)]
        names |= {preparation.part for preparation in preparations if preparation}
        names |= {combination.part for combination in self.combinations if combination.part}
        if self.applicability_domain:
            names |= {self.applicability_domain.part, self.applicability_domain.molecules}
        if self.calibration:
            names.add(self.calibration.part)
        return frozenset(names)
