"""Commands that cannot succeed: the code that each must end in, and what its sentence must name."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from molfleet.errors import Code
from molfleet.messages.generated import FeaturizerSpec, ModelRef
from tests import builders
from tests.end_to_end.cases import (
    batch,
    changed,
    holding,
    missing,
    missing_model,
    nowhere,
    outside,
    single,
    training,
    vectors,
)

SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>M  END</body></html>\n"
BROKEN = b"a title\n\n\n  1  0\nthis is no atom line\nM  END\n$$$$\n"
CONSTANT = builders.sdf(
    tuple(molecule._replace(activity=5.0) for molecule in builders.measured_molecules()[:30])
)
LATE = datetime.now(UTC) - timedelta(hours=1)

CASES = (
    vectors("a missing file", Code.BLOB_NOT_FOUND, "inputs/never/put.sdf", source=missing),
    vectors("a missing bucket", Code.BLOB_NOT_FOUND, "no-such-bucket/file.sdf", source=nowhere),
    vectors("a key that leads out", Code.INVALID_COMMAND, "../molfleet-state", source=outside),
    vectors("the state bucket", Code.INVALID_COMMAND, "molfleet-state", source=lambda given: given.state),
    vectors(
        "output into the state bucket",
        Code.INVALID_COMMAND,
        "molfleet-state",
        output_bucket="molfleet-state",
    ),
    vectors("output into no bucket name", Code.INVALID_COMMAND, "../outside", output_bucket="../outside"),
    vectors(
        "another sha256", Code.BLOB_CHANGED, "good.sdf", "sha256", source=changed(sha256=SHA256_OF_NOTHING)
    ),
    vectors("another etag", Code.BLOB_CHANGED, "good.sdf", "etag", source=changed(etag="another")),
    vectors("another size", Code.BLOB_CHANGED, "good.sdf", "size", source=changed(size=1)),
    vectors("an empty file", Code.NO_VALID_RECORDS, "empty.sdf", source=holding(b"", "empty.sdf")),
    vectors("a blank file", Code.NO_VALID_RECORDS, "blank.smi", source=holding(b"\n\n", "blank.smi")),
    vectors(
        "only bad records",
        Code.NO_VALID_RECORDS,
        "broken.sdf",
        "line 1",
        source=holding(BROKEN, "broken.sdf"),
    ),
    vectors(
        "a page for a file",
        Code.UNREADABLE_FILE,
        "page",
        "<html>",
        source=holding(PAGE.replace(b"M  END", b""), "page"),
    ),
    vectors(
        "a page that is called sdf",
        Code.UNREADABLE_FILE,
        "page.sdf",
        "<html>",
        source=holding(PAGE.replace(b"M  END", b""), "page.sdf"),
    ),
    vectors(
        "a page for SMILES", Code.UNREADABLE_FILE, "page.smi", "<html>", source=holding(PAGE, "page.smi")
    ),
    vectors(
        "binary for SMILES",
        Code.UNREADABLE_FILE,
        "binary.smi",
        source=holding(bytes(range(256)), "binary.smi"),
    ),
    vectors(
        "binary for Parquet",
        Code.UNREADABLE_FILE,
        "binary.parquet",
        source=holding(b"PAR1" * 9, "binary.parquet"),
    ),
    vectors(
        "cut gzip",
        Code.UNREADABLE_FILE,
        "cut.sdf",
        source=holding(gzip.compress(builders.sdf(count=9))[:-90], "cut.sdf.gz"),
    ),
    vectors(
        "an unknown featurizer",
        Code.UNKNOWN_NAME,
        "ECPF",
        "ECFP",
        "MACCS",
        featurizers=[FeaturizerSpec(type="ECPF")],
    ),
    vectors(
        "an unknown parameter",
        Code.UNKNOWN_NAME,
        "colour",
        "chirality",
        featurizers=[FeaturizerSpec(type="ECFP", parameters={"colour": "red"})],
    ),
    vectors("an unknown level", Code.UNKNOWN_NAME, "tidy", "parent-neutral", standardize="tidy"),
    vectors("an unknown output format", Code.UNKNOWN_NAME, "xlsx", "parquet", "npz", output_format="xlsx"),
    vectors("an unknown file type", Code.UNKNOWN_NAME, "cif", "sdf", file_type="cif"),
    vectors("an unknown identifier", Code.UNKNOWN_NAME, "name", "inchikey", identifiers=["name"]),
    vectors("an unknown option", Code.UNKNOWN_NAME, "colour", options={"colour": "red"}),
    vectors(
        "a size out of bounds",
        Code.INVALID_COMMAND,
        "size",
        "64",
        "16384",
        featurizers=[builders.ecfp(size=65_537)],
    ),
    vectors(
        "a radius out of bounds",
        Code.INVALID_COMMAND,
        "radius",
        "4",
        featurizers=[builders.ecfp(radius=-1)],
    ),
    vectors("no featurizers", Code.INVALID_COMMAND, "featurizer", featurizers=[]),
    vectors(
        "a time limit of nothing", Code.INVALID_COMMAND, "record_time_limit_ms", record_time_limit_ms=0
    ),
    vectors("past its time", Code.DEADLINE_EXCEEDED, "expire", expires_at=LATE),
    training("a missing file", Code.BLOB_NOT_FOUND, "inputs/never/put.sdf", source=missing),
    training("the state bucket", Code.INVALID_COMMAND, "molfleet-state", source=lambda given: given.state),
    training("an empty file", Code.NO_VALID_RECORDS, "empty.sdf", source=holding(b"", "empty.sdf")),
    training(
        "an unknown method",
        Code.UNKNOWN_NAME,
        "randomforrest",
        "randomforestregressor",
        method="randomforrest",
    ),
    training(
        "an unknown hyper-parameter",
        Code.UNKNOWN_NAME,
        "trees",
        "n_estimators",
        hyper_parameters={"trees": 5},
    ),
    training(
        "a target that is not there", Code.TARGET_NOT_FOUND, "activty", "activity", targets=["activty"]
    ),
    training(
        "a constant target", Code.UNSUITABLE_TARGET, "activity", source=holding(CONSTANT, "constant.sdf")
    ),
    training("too few molecules", Code.UNSUITABLE_TARGET, "activity"),
    training("folds out of bounds", Code.INVALID_COMMAND, "k_fold", "10", k_fold=11),
    training("an unknown split", Code.UNKNOWN_NAME, "by-date", "stratified", split="by-date"),
    batch("a missing file", Code.BLOB_NOT_FOUND, "inputs/never/put.sdf", source=missing),
    batch("a missing model", Code.BLOB_NOT_FOUND, "inputs/never/put.molmodel", models=missing_model),
    batch("the state bucket", Code.INVALID_COMMAND, "molfleet-state", source=lambda given: given.state),
    batch("an empty file", Code.NO_VALID_RECORDS, "empty.sdf", source=holding(b"", "empty.sdf")),
    batch("a flipped byte", Code.INVALID_MODEL, "the bad one", models=lambda given: [given.flipped]),
    batch(
        "a file for a model",
        Code.INVALID_MODEL,
        "the bad one",
        models=lambda given: [given.model_of(builders.sdf(count=2))],
    ),
    batch("no models", Code.INVALID_COMMAND, "models", models=[]),
    batch("an unknown output format", Code.UNKNOWN_NAME, "xlsx", "parquet", output_format="xlsx"),
    batch("a confidence that is none", Code.INVALID_COMMAND, "confidence", confidence=1.5),
    single("a missing model", Code.BLOB_NOT_FOUND, "inputs/never/put.molmodel", models=missing_model),
    single("a flipped byte", Code.INVALID_MODEL, models=lambda given: [given.flipped]),
    single(
        "the state bucket",
        Code.INVALID_COMMAND,
        "molfleet-state",
        models=lambda given: [ModelRef(id=uuid4(), blob=given.state)],
    ),
    single("no structure", Code.INVALID_STRUCTURE, structure="this is no molecule"),
    single("an impossible structure", Code.INVALID_STRUCTURE, structure="C(C)(C)(C)(C)C"),
    single("an empty structure", Code.INVALID_STRUCTURE, structure=""),
    single("an unknown format", Code.UNKNOWN_NAME, "CIF", "SMILES", format="CIF"),
    single("no models", Code.INVALID_COMMAND, "models", models=[]),
    single("a confidence that is none", Code.INVALID_COMMAND, "confidence", confidence=0.0),
    single("past its time", Code.DEADLINE_EXCEEDED, "expire", expires_at=LATE),
)
