"""The messages as Python types. Generated from schemas/avro by `make generate`: do not edit."""

# ruff: noqa: E501

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from molfleet.messages.record import (
    Command,
    Event,
    FailureEvent,
    Long,
    ParameterValue,
    Part,
    Record,
    TerminalEvent,
)


class Analogue(Record):
    """A training molecule near the structure."""

    full_name: ClassVar[str] = "molfleet.types.Analogue"

    smiles: str = Field(
        description="Canonical SMILES of the training molecule, standardized as for training."
    )
    measured: float | str | None = Field(
        default=None,
        description="What was measured for it: a value in the model's units, or a class label. Default null: not kept in the model.",
    )
    similarity: float = Field(
        description="Tanimoto similarity to the structure (ECFP4, 2048 bits), 0 to 1."
    )


class ApplicabilityDomain(Record):
    """How far a structure is from what the model was trained on."""

    full_name: ClassVar[str] = "molfleet.types.ApplicabilityDomain"

    inside: bool | None = Field(
        default=None,
        description="Whether similarity reaches the 5 % quantile of the leave-one-out similarities of the training set. Default null: not applicable to this model.",
    )
    similarity: float | None = Field(
        default=None,
        description="Highest Tanimoto similarity to the training set (ECFP4, 2048 bits), 0 to 1. Default null: not applicable to this model.",
    )
    distance: float | None = Field(
        default=None,
        description="Mahalanobis distance with shrunk covariance in at most 50 principal components of the model's features, without unit. Default null: not applicable to this model.",
    )
    density: float | None = Field(
        default=None,
        description="Natural logarithm of the kernel density there. Default null: not applicable to this model.",
    )


class BlobRef(Record):
    """A blob in the store. Where sha256 or etag is given and differs from what the store holds, the
    command that names it ends in BLOB_CHANGED.
    """

    full_name: ClassVar[str] = "molfleet.types.BlobRef"

    bucket: str = Field(description="Name of the bucket. Required.")
    key: str = Field(
        description="Key within the bucket; keys of outputs are opaque. A legacy blob id is simply the key. Required."
    )
    size: Long | None = Field(default=None, description="Size in bytes. Default null: not stated.")
    sha256: str | None = Field(
        default=None,
        description="SHA-256 of the content, 64 lower-case hexadecimal digits. Default null: not checked.",
    )
    etag: str | None = Field(
        default=None,
        description="The store's entity tag of the content, without quotes. Default null: not checked.",
    )
    content_type: str | None = Field(
        default=None,
        description="Media type of the content, such as chemical/x-mdl-sdfile. Default null: not stated.",
    )


class Artifact(Record):
    """A file that came with a result."""

    full_name: ClassVar[str] = "molfleet.types.Artifact"

    name: str = Field(description="File name, for people.")
    kind: str = Field(description="What it is: a name of the catalogue, such as csv_report.")
    blob: BlobRef = Field(description="The file.")


class Consensus(Record):
    """What the models say together."""

    full_name: ClassVar[str] = "molfleet.types.Consensus"

    value: float | None = Field(
        default=None,
        description="Mean of the models' values or probabilities, in units. Default null: units or label sets differ, or more than two classes.",
    )
    std: float | None = Field(
        default=None,
        description="Standard deviation of the models' values or probabilities, in units. Default null: fewer than two models.",
    )
    label: str | None = Field(
        default=None, description="Classification: the likeliest class. Default null: regression."
    )
    units: str | None = Field(
        default=None, description="Units of value and std. Default null: none, or not known."
    )
    models: Long = Field(description="How many models took part.")


class FeaturizerSpec(Record):
    """What turns a structure into a vector. Its text form is TYPE:SIZE:RADIUS."""

    full_name: ClassVar[str] = "molfleet.types.FeaturizerSpec"

    type: str = Field(description="Wire code of the featurizer in the catalogue, such as ECFP. Required.")
    size: Long | None = Field(
        default=None,
        description="Length of the vector, in bits or counters. Default null: the featurizer's own, or not applicable; 0 is read as null.",
    )
    radius: Long | None = Field(
        default=None,
        description="Radius in bonds (ECFP of radius 2 is ECFP4). Default null: the featurizer's own, or not applicable; 0 is read as null.",
    )
    parameters: dict[str, ParameterValue] = Field(
        default_factory=dict,
        description="Further parameters of the featurizer by name; an unknown name ends in UNKNOWN_NAME. Default empty: its defaults.",
    )


class EnsembleMember(Record):
    """One member of an ensemble."""

    full_name: ClassVar[str] = "molfleet.types.EnsembleMember"

    method: str = Field(description="Wire code of the member's algorithm in the catalogue. Required.")
    featurizers: tuple[FeaturizerSpec, ...] = Field(
        default=(), description="The member's own featurizers. Default empty: those of the command."
    )
    scaler: str | None = Field(
        default=None,
        description="The member's own scaler: a name of the catalogue. Default null: that of the command.",
    )
    hyper_parameters: dict[str, ParameterValue] = Field(
        default_factory=dict,
        description="Hyper-parameters of the member's algorithm by name. Default empty: its defaults.",
    )
    weight: float = Field(
        default=1.0, description="Weight of the member in the mean, relative to the others. Default 1.0."
    )


class ErrorInfo(Record):
    """Why one part of an answer is missing."""

    full_name: ClassVar[str] = "molfleet.types.ErrorInfo"

    code: str = Field(description="One of the error codes of the contract.")
    message: str = Field(description="One sentence for people.")


class Explanation(Record):
    """Why a prediction is what it is."""

    full_name: ClassVar[str] = "molfleet.types.Explanation"

    atom_contributions: tuple[float, ...] = Field(
        default=(),
        description="Contribution of each atom to the prediction, in the order of the structure's atoms, in units of the prediction. Default empty: none could be computed.",
    )
    method: str = Field(description="How the contributions were computed.")
    svg: str | None = Field(
        default=None,
        description="Drawing of the structure coloured by contribution, an SVG document. Default null: none.",
    )
    analogues: tuple[Analogue, ...] = Field(
        default=(), description="The nearest training molecules, most similar first. Default empty."
    )


class Metric(Record):
    """One figure of merit of a model. A metric that is not defined on its subset is left out."""

    full_name: ClassVar[str] = "molfleet.types.Metric"

    name: str = Field(description="Name of the metric in the catalogue, such as AUC or RMSE.")
    target: str = Field(description="The target that it is about.")
    subset: str = Field(description="The records that it was computed on: train, validation or test.")
    fold: Long | None = Field(
        default=None, description="0-based number of the fold. Default null: over all folds."
    )
    value: float = Field(
        description="The metric's value (the mean where fold is null), in the metric's own unit: that of the target for RMSE and MAE, else none."
    )
    std: float | None = Field(
        default=None,
        description="Standard deviation over the folds, in the unit of value. Default null: not applicable.",
    )


class ModelPrediction(Record):
    """What one model says about one structure."""

    full_name: ClassVar[str] = "molfleet.types.ModelPrediction"

    id: UUID = Field(description="Id of the model, as in the command.")
    value: float | None = Field(
        default=None,
        description="Regression: the value, in units. Classification: probability of the positive class, 0 to 1. Default null: more than two classes, or error is set.",
    )
    label: str | None = Field(
        default=None,
        description="Classification: the likeliest class. Default null: regression, or error is set.",
    )
    probabilities: dict[str, float] = Field(
        default_factory=dict,
        description="Classification: probability of each class by its label, 0 to 1. Default empty: regression, or error is set.",
    )
    prediction_set: tuple[str, ...] = Field(
        default=(),
        description="Classification: the labels that cannot be ruled out at the command's confidence. Default empty.",
    )
    lower: float | None = Field(
        default=None,
        description="Lower end of the prediction interval at the command's confidence, in units. Default null: not applicable.",
    )
    upper: float | None = Field(
        default=None,
        description="Upper end of the prediction interval at the command's confidence, in units. Default null: not applicable.",
    )
    units: str | None = Field(
        default=None, description="Units of value, lower and upper. Default null: none, or not known."
    )
    applicability_domain: ApplicabilityDomain | None = Field(
        default=None,
        description="Where the structure lies relative to the training set. Default null: the model has none, or error is set.",
    )
    error: ErrorInfo | None = Field(
        default=None, description="Why this model gave no answer. Default null: it gave one."
    )


class ModelRef(Record):
    """A trained model: its bundle in the blob store."""

    full_name: ClassVar[str] = "molfleet.types.ModelRef"

    id: UUID = Field(description="Id of the model; predictions name it. Required.")
    blob: BlobRef = Field(description="The model bundle, as ModelTrained.model gave it. Required.")
    name: str | None = Field(
        default=None,
        description="Name to show and to call result columns by. Default null: the name inside the bundle.",
    )


class Search(Record):
    """A search over the hyper-parameters of one method."""

    full_name: ClassVar[str] = "molfleet.types.Search"

    iterations: Long | None = Field(
        default=None,
        description="How many settings to try at most. Default null: as many as the time allows.",
    )
    optimization_method: str = Field(
        default="default",
        description="How settings are proposed: a name of the catalogue, such as default, parzen, forest, gbrt, gauss. Default default.",
    )
    time_limit_s: Long = Field(
        default=600, description="After how many seconds no new setting is begun. Default 600."
    )


class CalculateFeatureVectors(Command):
    """Calculate feature vectors for every record of a file. Answered by FeatureVectorsCalculated or
    FeatureVectorsCalculationFailed.
    """

    full_name: ClassVar[str] = "molfleet.commands.CalculateFeatureVectors"

    source: BlobRef = Field(description="The file with the structures. Required.")
    file_type: str | None = Field(
        default=None,
        description="Format of the source: sdf, mol, smi, csv, tsv or parquet, each also gzipped. Default null: found from key and content.",
    )
    structure_column: str | None = Field(
        default=None,
        description="Column of a table that holds the structures. Default null: found by its usual names.",
    )
    featurizers: tuple[FeaturizerSpec, ...] = Field(
        min_length=1,
        description="What to calculate, in the order of the output's columns; at least one. Required.",
    )
    standardize: str = Field(
        default="none",
        description="How structures are standardized first: none, parent, parent-neutral or tautomer. Default none.",
    )
    identifiers: tuple[str, ...] = Field(
        default=(),
        description="Identifiers of the standardized molecule to add as columns: smiles, inchikey. Default empty.",
    )
    carry_properties: tuple[str, ...] = Field(
        default=(),
        description="Properties of the records to carry into the output as text, by name; * means all. Default empty.",
    )
    record_time_limit_ms: Long | None = Field(
        default=None,
        description="How long one record may take, in milliseconds. Default null: the worker's setting.",
    )
    output_format: str = Field(
        default="parquet", description="Format of the output: parquet, csv or npz. Default parquet."
    )
    output_bucket: str | None = Field(
        default=None, description="Bucket for the outputs. Default null: the worker's setting."
    )


class CalculateFeatureVectorsChunk(Part):
    """Internal: a range of records of one giant file, sent by the worker that has the whole in hand to
    any worker. It has a receipt and no events on any topic.
    """

    full_name: ClassVar[str] = "molfleet.commands.CalculateFeatureVectorsChunk"

    source: BlobRef = Field(description="The file, one version of it: its etag is always given. Required.")
    start: Long = Field(description="Where the chunk begins in the file, in bytes. Required.")
    end: Long = Field(description="Where the chunk ends in the file, in bytes, exclusive. Required.")
    layout: str = Field(
        description="What reading a piece of this file takes, found by whoever cut it (format, header, structure column): JSON. Required."
    )
    first_record: Long = Field(
        description="0-based position in the whole input of the chunk's first record. Required."
    )
    first_line: Long = Field(
        description="1-based line of the whole input at which the chunk begins. Required."
    )
    records: Long = Field(description="Number of records in the chunk. Required.")
    featurizers: tuple[FeaturizerSpec, ...] = Field(
        min_length=1,
        description="What to calculate, in the order of the output's columns; at least one. Required.",
    )
    standardize: str = Field(
        default="none",
        description="How structures are standardized first: none, parent, parent-neutral or tautomer. Default none.",
    )
    identifiers: tuple[str, ...] = Field(
        default=(),
        description="Identifiers of the standardized molecule to add as columns: smiles, inchikey. Default empty.",
    )
    carry_properties: tuple[str, ...] = Field(
        default=(),
        description="Properties of the records to carry into the output as text, by name. Default empty.",
    )
    record_time_limit_ms: Long | None = Field(
        default=None,
        description="How long one record may take, in milliseconds. Default null: the worker's setting.",
    )


class CancelCommand(Command):
    """Cancel a command that is under way or still to come. It has no event of its own: the target ends
    in its failure event, CANCELLED, unless its outcome was decided before.
    """

    full_name: ClassVar[str] = "molfleet.commands.CancelCommand"

    command_id: UUID = Field(description="Id of the command to cancel, of whatever heavy type. Required.")
    reason: str | None = Field(
        default=None,
        description="Why, for people; goes into the failure event's message. Default null: not stated.",
    )


class PredictProperties(Command):
    """Predict properties for every record of a file. Answered by PropertiesPredicted or
    PredictionFailed.
    """

    full_name: ClassVar[str] = "molfleet.commands.PredictProperties"

    source: BlobRef = Field(description="The file with the structures. Required.")
    file_type: str | None = Field(
        default=None,
        description="Format of the source: sdf, mol, smi, csv, tsv or parquet, each also gzipped. Default null: found from key and content.",
    )
    structure_column: str | None = Field(
        default=None,
        description="Column of a table that holds the structures. Default null: found by its usual names.",
    )
    models: tuple[ModelRef, ...] = Field(
        min_length=1, description="The models to ask; at least one. Required."
    )
    confidence: float = Field(
        default=0.9,
        description="Confidence of intervals and prediction sets, between 0 and 1. Default 0.9.",
    )
    consensus: str = Field(
        default="mean", description="How the models' answers are combined: mean or weighted. Default mean."
    )
    legacy_columns: bool = Field(
        default=False,
        description="Whether the columns are named as the old services named them. Default false.",
    )
    output_format: str = Field(
        default="csv", description="Format of the output: csv, parquet or sdf. Default csv."
    )
    output_bucket: str | None = Field(
        default=None, description="Bucket for the outputs. Default null: the worker's setting."
    )
    parent_id: UUID | None = Field(
        default=None,
        description="Id of what the result belongs to upstream, such as a folder. Default null: nothing.",
    )


class SingleStructurePredict(Command):
    """Predict properties of one structure, at once. Answered by SingleStructurePredicted or
    SingleStructurePredictionFailed.
    """

    full_name: ClassVar[str] = "molfleet.commands.SingleStructurePredict"

    structure: str = Field(description="The structure, as text in the given format. Required.")
    format: str = Field(
        default="SMILES", description="Format of the structure: SMILES, MOL or INCHI. Default SMILES."
    )
    properties: dict[str, str] = Field(
        default_factory=dict,
        description="Further columns by name, for models that take some beside the structure. Default empty.",
    )
    property_name: str | None = Field(
        default=None,
        description="Name of the predicted property, copied into the answer. Default null: none.",
    )
    models: tuple[ModelRef, ...] = Field(
        min_length=1, description="The models to ask; at least one. Required."
    )
    confidence: float = Field(
        default=0.9,
        description="Confidence of intervals and prediction sets, between 0 and 1. Default 0.9.",
    )
    explain: bool = Field(
        default=False,
        description="Whether to explain the prediction: contributions of atoms, drawing, analogues. Default false.",
    )


class TrainModel(Command):
    """Train one model. Answered by ModelTrainingStarted, ModelThumbnailGenerated, and ModelTrained or
    TrainingFailed.
    """

    full_name: ClassVar[str] = "molfleet.commands.TrainModel"

    source: BlobRef = Field(description="The file with structures and measured values. Required.")
    file_type: str | None = Field(
        default=None,
        description="Format of the source: sdf, mol, smi, csv, tsv or parquet, each also gzipped. Default null: found from key and content.",
    )
    structure_column: str | None = Field(
        default=None,
        description="Column of a table that holds the structures. Default null: found by its usual names.",
    )
    targets: tuple[str, ...] = Field(
        min_length=1,
        description="Names of the fields to model (the legacy ClassName); at least one, more than one only for multi-task methods. Required.",
    )
    task: str = Field(
        default="auto",
        description="What kind of model: auto, classification or regression. Default auto: found from the values.",
    )
    method: str = Field(
        description="Wire code of the algorithm in the catalogue, such as randomforestclassifier. Required."
    )
    featurizers: tuple[FeaturizerSpec, ...] = Field(
        description="Features of the model, concatenated in this order; empty only for methods that bring their own. Required."
    )
    standardize: str = Field(
        default="parent-neutral",
        description="How structures are standardized first: none, parent, parent-neutral or tautomer. Default parent-neutral.",
    )
    scaler: str | None = Field(
        default=None,
        description="How features are scaled: a name of the catalogue. Default null: not at all.",
    )
    target_transform: str = Field(
        default="none",
        description="What is modelled of the measured value: none, log10, or p (-log10 of a value in mol/L). Default none.",
    )
    positive_class: str | None = Field(
        default=None,
        description="Label of the positive class of a two-class target. Default null: 1, TRUE, active or yes, else the rarer.",
    )
    censored: str = Field(
        default="drop",
        description="What a value such as <1.2 counts as: drop (left out) or bound (the bound itself). Default drop.",
    )
    replicates: str = Field(
        default="median",
        description="How several values of one molecule are merged: median, mean or keep (not at all). Default median.",
    )
    sub_sample_size: float = Field(
        default=1.0, description="Share of the records to use, 0.1 to 1. Default 1.0."
    )
    test_set_size: float = Field(
        default=0.2,
        description="Share of the used records held out for the final test, 0 to 0.5. Default 0.2.",
    )
    split: str = Field(
        default="stratified",
        description="How test set and folds are made: stratified, random, scaffold, butina or column:NAME. Default stratified.",
    )
    k_fold: Long = Field(default=5, description="Number of cross-validation folds, 2 to 10. Default 5.")
    refit: str = Field(
        default="all",
        description="What the final model is: all (one, trained again on all training records) or folds (the mean of the folds' models). Default all.",
    )
    hyper_parameters: dict[str, ParameterValue] = Field(
        default_factory=dict,
        description="Hyper-parameters of the algorithm by name; an unknown name ends in UNKNOWN_NAME. Default empty: its defaults.",
    )
    search: Search | None = Field(
        default=None,
        description="Search for hyper-parameters; those given in hyper_parameters stay fixed. Default null: no search.",
    )
    members: tuple[EnsembleMember, ...] = Field(
        default=(), description="Members of the ensemble, for methods that combine several. Default empty."
    )
    base_model: ModelRef | None = Field(
        default=None,
        description="Model to start from, for methods that can go on training. Default null: from scratch.",
    )
    units: str | None = Field(
        default=None,
        description="Units of the measured values, copied into predictions. Default null: not stated.",
    )
    seed: Long = Field(
        default=42,
        description="Seed of everything random, so that the same command gives the same model. Default 42.",
    )
    model_name: str | None = Field(
        default=None, description="Name of the model. Default null: made from method and target."
    )
    parent_id: UUID | None = Field(
        default=None,
        description="Id of what the result belongs to upstream, such as a folder. Default null: nothing.",
    )
    output_bucket: str | None = Field(
        default=None, description="Bucket for the outputs. Default null: the worker's setting."
    )


class CommandProgressed(Event):
    """How far a command has come. Not terminal; may be lost or come late."""

    full_name: ClassVar[str] = "molfleet.events.CommandProgressed"

    command_type: str = Field(
        description="Full name of the command's record, such as molfleet.commands.TrainModel."
    )
    attempt: Long = Field(description="1-based number of the attempt.")
    stage: str = Field(description="What is being done.")
    fraction: float = Field(description="Share of the whole command that is done, 0 to 1.")
    message: str = Field(default="", description="Particulars for people; may be empty. Default empty.")
    eta_s: float | None = Field(
        default=None, description="Estimated time left, in seconds. Default null: not known."
    )
    worker: str = Field(description="The worker process that reports: host name and process id.")


class FeatureVectorsCalculated(TerminalEvent):
    """Feature vectors were calculated."""

    full_name: ClassVar[str] = "molfleet.events.FeatureVectorsCalculated"

    output: BlobRef = Field(description="The file of feature vectors, in the command's output_format.")
    rejects: BlobRef | None = Field(
        default=None,
        description="CSV of the records that failed, one row each with code and message. Default null: none failed.",
    )
    summary: BlobRef = Field(description="JSON summary: counts by code, columns, statistics and versions.")
    records: Long = Field(description="Records read from the source: structures + failed.")
    structures: Long = Field(description="Records that gave a vector.")
    failed: Long = Field(description="Records that gave none; each is a row of rejects.")
    columns: Long = Field(
        description="Feature columns calculated, over all featurizers: bits, counters or descriptors."
    )


class FeatureVectorsCalculationFailed(FailureEvent):
    """Feature vectors were not calculated."""

    full_name: ClassVar[str] = "molfleet.events.FeatureVectorsCalculationFailed"


class FeatureVectorsChunkCalculated(TerminalEvent):
    """Internal: one chunk of a giant file is computed. Kept in the chunk's receipt, on no topic."""

    full_name: ClassVar[str] = "molfleet.events.FeatureVectorsChunkCalculated"

    rows: BlobRef = Field(
        description="The chunk's rows: an Arrow IPC stream in the fleet's own bucket. Required."
    )
    rejects: BlobRef | None = Field(
        default=None, description="The chunk's rejects, CSV. Default null: there are none."
    )
    rejected_blocks: BlobRef | None = Field(
        default=None,
        description="The original blocks of the rejects, SD format. Default null: there are none, or the input is no SD file.",
    )
    totals: BlobRef = Field(description="The chunk's counts and statistics: JSON. Required.")
    records: Long = Field(description="Records of the chunk. Required.")


class FeatureVectorsChunkFailed(FailureEvent):
    """Internal: one chunk of a giant file cannot be computed. Kept in the chunk's receipt, on no
    topic.
    """

    full_name: ClassVar[str] = "molfleet.events.FeatureVectorsChunkFailed"


class ModelThumbnailGenerated(Event):
    """A thumbnail picture of a model was made."""

    full_name: ClassVar[str] = "molfleet.events.ModelThumbnailGenerated"

    blob: BlobRef = Field(description="The picture, a PNG.")
    width: Long = Field(description="Its width in pixels: 300, 600 or 1200.")


class ModelTrained(TerminalEvent):
    """A model was trained."""

    full_name: ClassVar[str] = "molfleet.events.ModelTrained"

    model: BlobRef = Field(description="The model bundle.")
    model_name: str = Field(description="Name of the model.")
    method: str = Field(description="Wire code of the algorithm.")
    method_display_name: str = Field(description="Name of the algorithm, for people.")
    task: str = Field(description="classification or regression.")
    metrics: tuple[Metric, ...] = Field(
        default=(), description="Figures of merit by target, subset and fold. Default empty."
    )
    modi: float | None = Field(
        default=None,
        description="Modelability index of the data set, 0 to 1. Default null: not applicable.",
    )
    artifacts: tuple[Artifact, ...] = Field(
        default=(), description="Files that came with the model: reports, plots, tables. Default empty."
    )
    number_of_generic_files: Long = Field(
        description="How many files artifacts has, for sagas that wait for so many."
    )
    records_used: Long = Field(description="Records of the source that the model was made from.")
    records_skipped: Long = Field(description="Records left out; each is a row of rejects.")
    rejects: BlobRef | None = Field(
        default=None,
        description="CSV of the records that failed, one row each with code and message. Default null: none failed.",
    )
    metadata: dict[str, str] = Field(
        default_factory=dict, description="Particulars of the model by name, for people. Default empty."
    )


class ModelTrainingStarted(Event):
    """The training of a model has begun."""

    full_name: ClassVar[str] = "molfleet.events.ModelTrainingStarted"

    model_name: str = Field(description="Name of the model to be.")
    method: str = Field(description="Wire code of the algorithm.")


class PredictionFailed(FailureEvent):
    """Properties were not predicted for a file."""

    full_name: ClassVar[str] = "molfleet.events.PredictionFailed"


class PropertiesPredicted(TerminalEvent):
    """Properties were predicted for a file."""

    full_name: ClassVar[str] = "molfleet.events.PropertiesPredicted"

    output: BlobRef = Field(
        description="The file of predictions, one row per input record, in the command's output_format."
    )
    rejects: BlobRef | None = Field(
        default=None,
        description="CSV of the records that failed, one row each with code and message. Default null: none failed.",
    )
    records: Long = Field(description="Records read from the source: predicted + failed.")
    predicted: Long = Field(description="Records that got a prediction from at least one model.")
    failed: Long = Field(description="Records that got none; each is a row of rejects.")
    file_name: str = Field(description="File name of the output, for people.")


class SingleStructurePredicted(TerminalEvent):
    """Properties of one structure were predicted by at least one model."""

    full_name: ClassVar[str] = "molfleet.events.SingleStructurePredicted"

    property_name: str | None = Field(
        default=None,
        description="Name of the predicted property, as in the command. Default null: it named none.",
    )
    models: tuple[ModelPrediction, ...] = Field(
        default=(), description="What each model says, in the command's order. Default empty."
    )
    consensus: Consensus | None = Field(
        default=None, description="What the models say together. Default null: nothing can be combined."
    )
    explanation: Explanation | None = Field(
        default=None, description="Why. Default null: the command did not ask."
    )


class SingleStructurePredictionFailed(FailureEvent):
    """No model gave a prediction for the structure."""

    full_name: ClassVar[str] = "molfleet.events.SingleStructurePredictionFailed"

    property_name: str | None = Field(
        default=None,
        description="Name of the predicted property, as in the command. Default null: it named none.",
    )
    models: tuple[ModelPrediction, ...] = Field(
        default=(),
        description="Each model's error, in the command's order. Default empty: no model was asked.",
    )


class TrainingFailed(FailureEvent):
    """A model was not trained."""

    full_name: ClassVar[str] = "molfleet.events.TrainingFailed"

    is_model_trained: bool = Field(
        default=False, description="Whether a model was nevertheless made and published. Default false."
    )
    is_thumbnail_generated: bool = Field(
        default=False, description="Whether a ModelThumbnailGenerated event was published. Default false."
    )
    number_of_generic_files: Long = Field(
        default=0, description="How many artifact files were published. Default 0."
    )


#: Every message by its full name; the types that messages are made of are not among them.
ALL_RECORDS: dict[str, type[Record]] = {
    record.full_name: record
    for record in (
        CalculateFeatureVectors,
        CalculateFeatureVectorsChunk,
        CancelCommand,
        PredictProperties,
        SingleStructurePredict,
        TrainModel,
        CommandProgressed,
        FeatureVectorsCalculated,
        FeatureVectorsCalculationFailed,
        FeatureVectorsChunkCalculated,
        FeatureVectorsChunkFailed,
        ModelThumbnailGenerated,
        ModelTrained,
        ModelTrainingStarted,
        PredictionFailed,
        PropertiesPredicted,
        SingleStructurePredicted,
        SingleStructurePredictionFailed,
        TrainingFailed,
    )
}
