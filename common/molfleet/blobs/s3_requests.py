"""One request to an S3 store: tried again where that may help, its errors in the port's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from molfleet.blobs.port import (
    BlobDenied,
    BlobError,
    BlobNotFound,
    BlobsUnavailable,
    InvalidBlobName,
    PreconditionFailed,
)

T = TypeVar("T")

_PATIENCE_S = 60.0
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout"}
CONFLICT = ("ConditionalRequestConflict", "OperationAborted")
_DENIED = {
    "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
    "XAdminUserNotFound",  # Versity Gateway's 404 for an access key that it does not know
}  # fmt: skip
_ABSENT_BUCKET = "NoSuchBucket"
_UNFIT_NAME = {
    "InvalidBucketName", "InvalidObjectName", "KeyTooLongError", "ObjectParentIsFile", "InvalidURI",
}  # fmt: skip

#: What the client library raises where no answer, or none that makes sense, came back.
NO_ANSWER = (
    boto.ConnectionError,
    boto.HTTPClientError,
    ResponseParserError,
    boto.IncompleteReadError,
    boto.ResponseStreamingError,
    boto.FlexibleChecksumError,
)
LIBRARY_ERRORS = (boto.BotoCoreError, boto.ClientError, ResponseParserError)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
)


class Requests:
    """Carries out calls of a boto3 client, whose own retries are switched off.

    Another try comes after 5xx, throttling, 409 and lost connections, at most `attempts` in all and
    none begun after a minute, with growing random pauses.
    """

    def __init__(self, place: str, attempts: int) -> None:
        self._place = place
        self.retrying = Retrying(
            stop=stop_after_attempt(attempts) | stop_after_delay(_PATIENCE_S),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            retry=retry_if_exception(may_pass),
            reraise=True,
        )

    def __call__(self, bucket: str, key: str, call: Callable[[], T]) -> T:
        try:
            return self.retrying(call)
        except LIBRARY_ERRORS as error:
            raise self.translate(error, bucket, key) from error

    def translate(self, error: Exception, bucket: str, key: str) -> Exception:
        """Never quotes the library's text beyond the code: it may hold more than should be logged."""
        if may_pass(error):
            return BlobsUnavailable(f"the S3 store at {self._place} does not serve: {describe(error)}")
        if isinstance(error, boto.ParamValidationError):
            return InvalidBlobName(bucket, key, "no name that S3 takes")
        if not isinstance(error, boto.ClientError):
            return BlobsUnavailable(f"the S3 store at {self._place} cannot be asked: {describe(error)}")
        code, status = _code(error), _status(error)
        if status in (412, 416):
            return PreconditionFailed(bucket, key, "it is there already, or another version")
        if status in (401, 403) or code in _DENIED:
            return BlobDenied(bucket, key, f"the store answered {describe(error)}")
        if code in _UNFIT_NAME:
            return InvalidBlobName(bucket, key, f"the store answered {describe(error)}")
        if status == 404:
            what = "the bucket does not exist" if code == _ABSENT_BUCKET else "there is no such object"
            return BlobNotFound(bucket, key, what)
        return BlobError(bucket, key, f"the store answered {describe(error)}")


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, boto.ClientError):
        return _status(error) in (429, *range(500, 600)) or _code(error) in (*_THROTTLED, *CONFLICT)
    return isinstance(error, (*NO_ANSWER, *_NO_CREDENTIALS))


def has_code(error: BaseException, *codes: str) -> bool:
    return isinstance(error, boto.ClientError) and _code(error) in codes


def describe(error: BaseException) -> str:
    if isinstance(error, boto.ClientError):
        code = _code(error)
        return f"{_status(error)}{f' {code}' if not code.isdigit() else ''}"
    return type(error).__name__


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """The store's clock when it answered. Raises BlobsUnavailable where the answer does not tell."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    try:
        return parsedate_to_datetime(date)
    except (TypeError, ValueError):
        raise BlobsUnavailable("the S3 store's answers carry no Date, so no age can be told") from None


def _code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: boto.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
