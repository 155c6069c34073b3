"""The codes of docs/CONTRACT.md, and the exceptions that carry a verdict through the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import partial


class Code(StrEnum):
    """Why a command ended in its failure event."""

    INVALID_COMMAND = "INVALID_COMMAND"
    UNKNOWN_NAME = "UNKNOWN_NAME"
    BLOB_NOT_FOUND = "BLOB_NOT_FOUND"
    BLOB_ACCESS_DENIED = "BLOB_ACCESS_DENIED"
    BLOB_CHANGED = "BLOB_CHANGED"
    BLOB_TOO_LARGE = "BLOB_TOO_LARGE"
    UNREADABLE_FILE = "UNREADABLE_FILE"
    NO_VALID_RECORDS = "NO_VALID_RECORDS"
    TARGET_NOT_FOUND = "TARGET_NOT_FOUND"
    UNSUITABLE_TARGET = "UNSUITABLE_TARGET"
    INVALID_MODEL = "INVALID_MODEL"
    INVALID_STRUCTURE = "INVALID_STRUCTURE"
    PREDICTION_ERROR = "PREDICTION_ERROR"
    RESULT_TOO_LARGE = "RESULT_TOO_LARGE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    WORKER_CRASHED = "WORKER_CRASHED"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"


class RecordCode(StrEnum):
    """Why one record of an input file became a rejects row."""

    UNPARSABLE = "UNPARSABLE"
    SANITIZATION_FAILED = "SANITIZATION_FAILED"
    EMPTY_MOLECULE = "EMPTY_MOLECULE"
    TOO_LARGE = "TOO_LARGE"
    TIMEOUT = "TIMEOUT"
    FEATURIZATION_FAILED = "FEATURIZATION_FAILED"
    MISSING_TARGET = "MISSING_TARGET"
    NON_NUMERIC_TARGET = "NON_NUMERIC_TARGET"
    CENSORED_TARGET = "CENSORED_TARGET"
    DUPLICATE = "DUPLICATE"
    CONFLICTING_DUPLICATE = "CONFLICTING_DUPLICATE"
    PREDICTION_FAILED = "PREDICTION_FAILED"


#: Codes after which the same work, sent again under a new id, may succeed.
RETRYABLE = frozenset(
    {
        Code.DEADLINE_EXCEEDED,
        Code.OUT_OF_MEMORY,
        Code.WORKER_CRASHED,
        Code.CANCELLED,
        Code.INTERNAL,
    }
)


class Rejected(Exception):
    """A definite verdict on one command: it ends in its failure event with this code.

    `message` is a sentence for people that names the file, record, field or molecule at fault;
    `details` is machine-readable and goes into the event as a map of strings.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        retryable: bool | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = code in RETRYABLE if retryable is None else retryable
        self.details = dict(details or {})

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), retryable=self.retryable, details=self.details)
        return again, (self.code, self.message)


class Unavailable(Exception):
    """A broker, blob store or registry is away. No command fails by it: the lane waits and goes on."""
