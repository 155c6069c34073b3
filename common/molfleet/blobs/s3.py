"""Blobs in Amazon S3, or in any store that speaks its protocol and honours its conditions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from molfleet.blobs import names, s3_multipart
from molfleet.blobs.files import arriving
from molfleet.blobs.port import (
    BlobDenied,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    Loan,
    PreconditionFailed,
)
from molfleet.blobs.s3_download import Downloads, info_of, tag_of
from molfleet.blobs.s3_multipart import BeginAnew
from molfleet.blobs.s3_requests import (
    LIBRARY_ERRORS,
    Requests,
    answered_at,
    has_code,
)
from molfleet.settings import S3Settings, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 1 << 20
_RESTARTS = 8
_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 60


def connect(settings: S3Settings) -> S3Blobs:
    """A store with credentials of AWS's standard chain; asks the network only for those.

    Raises SettingsError where there are none, or where the endpoint is no address.
    """
    place = _place(settings.endpoint)
    try:
        session = boto3.session.Session(region_name=settings.region)
        if session.get_credentials() is None:
            raise SettingsError(
                "MOLFLEET_BLOBS_URL is s3:// but AWS's standard chain has no credentials: set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
            )
        client: S3Client = session.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=session.region_name or ("us-east-1" if settings.endpoint else None),
            config=Config(
                s3={"addressing_style": "path" if settings.path_style else "auto"},
                retries={"total_max_attempts": 1},
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                max_pool_connections=32,
                tcp_keepalive=True,
            ),
        )
    except boto.BotoCoreError as error:
        raise SettingsError(f"the S3 store cannot be used: {type(error).__name__}: {error}") from error
    except ValueError as error:
        raise SettingsError("MOLFLEET_S3_ENDPOINT is no address like https://host:port") from error
    return S3Blobs(client, place, settings.part_bytes, settings.attempts)


def _place(endpoint: str | None) -> str:
    if endpoint is None:
        return "AWS"
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SettingsError("MOLFLEET_S3_ENDPOINT is no address like https://host:port")
    if url.username or url.password:
        raise SettingsError(
            "MOLFLEET_S3_ENDPOINT must not hold credentials; use AWS_ACCESS_KEY_ID and so on"
        )
    return url.netloc


class S3Blobs:
    """A BlobStore over a boto3 client whose own retries are off."""

    def __init__(self, client: S3Client, place: str, part_bytes: int, attempts: int) -> None:
        self._client = client
        self._place = place
        self._part_bytes = part_bytes
        self._request = Requests(place, attempts)
        self._downloads = Downloads(client, self._request)
        self._anew = Retrying(
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            retry=retry_if_exception_type(BeginAnew),
            reraise=True,
        )

    def __str__(self) -> str:
        return f"The S3 store at {self._place}"

    def fetch(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> BlobInfo:
        names.check(bucket, key)
        with arriving(to) as file:
            return self._downloads.whole(bucket, key, file, max_bytes)

    def borrow(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> Loan:
        return Loan(self.fetch(bucket, key, to, max_bytes=max_bytes))

    def fetch_range(self, bucket: str, key: str, to: Path, *, start: int, end: int, etag: str) -> None:
        names.check(bucket, key)
        with arriving(to) as file:
            self._downloads.range(bucket, key, file, start, end, etag)

    def read(self, bucket: str, key: str, *, max_bytes: int = 64 << 20) -> tuple[bytes, BlobInfo]:
        names.check(bucket, key)
        buffer = io.BytesIO()
        info = self._downloads.whole(bucket, key, buffer, max_bytes)
        return buffer.getvalue(), info

    def put(
        self,
        bucket: str,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> BlobInfo:
        names.check(bucket, key)
        conditions: dict[str, Any] = {}
        if if_absent:
            conditions["IfNoneMatch"] = "*"
        if if_match is not None:
            conditions["IfMatch"] = f'"{if_match}"'
        extra = {} if content_type is None else {"ContentType": content_type}
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        try:
            if isinstance(source, bytes) or size <= self._part_bytes:
                answer = self._request.retrying(lambda: self._put(bucket, key, source, extra | conditions))
            else:
                answer = self._anew(
                    s3_multipart.upload,
                    self._client,
                    self._request,
                    bucket,
                    key,
                    source,
                    self._part_bytes,
                    extra,
                    conditions,
                )
        except BeginAnew as error:
            raise self._request.translate(error.cause, bucket, key) from error.cause
        except LIBRARY_ERRORS as error:
            if if_match is not None and has_code(error, "NoSuchKey"):
                raise PreconditionFailed(bucket, key, "it is absent") from error
            raise self._request.translate(error, bucket, key) from error
        now = answered_at(answer)
        return BlobInfo(bucket, key, size, tag_of(answer), now, now, content_type)

    def stat(self, bucket: str, key: str) -> BlobInfo:
        names.check(bucket, key)
        return info_of(
            bucket,
            key,
            self._request(bucket, key, lambda: self._client.head_object(Bucket=bucket, Key=key)),
        )

    def list(self, bucket: str, prefix: str = "") -> Iterator[BlobInfo]:
        names.check_bucket(bucket)
        if not names.may_begin_keys(prefix):
            return
        ask = partial(self._client.list_objects_v2, Bucket=bucket, Prefix=prefix)
        more: dict[str, Any] = {}
        while True:
            try:
                page = self._request(bucket, prefix, partial(ask, **more))
            except BlobNotFound:
                return
            now = answered_at(page)
            for found in page.get("Contents", ()):
                key = found["Key"]
                if names.is_key(key):  # a console's marker for an empty folder ends in a slash
                    yield BlobInfo(bucket, key, found["Size"], tag_of(found), found["LastModified"], now)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, bucket: str, key: str) -> None:
        names.check(bucket, key)
        with suppress(BlobNotFound):
            self._request(bucket, key, lambda: self._client.delete_object(Bucket=bucket, Key=key))

    def ensure_bucket(self, bucket: str) -> None:
        names.check_bucket(bucket)
        try:
            self._request(bucket, "", lambda: self._client.head_bucket(Bucket=bucket))
        except BlobNotFound:
            self._create_bucket(bucket)
        except BlobDenied:
            return  # an account that may use the objects need not be allowed to ask for the bucket

    def _create_bucket(self, bucket: str) -> None:
        region = self._client.meta.region_name
        place: dict[str, Any] = {}
        if region not in (None, "us-east-1", "aws-global"):
            place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._request.retrying(lambda: self._client.create_bucket(Bucket=bucket, **place))
        except LIBRARY_ERRORS as error:
            if not has_code(error, "BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise self._request.translate(error, bucket, "") from error

    def _put(
        self, bucket: str, key: str, source: Path | bytes, extra: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        if isinstance(source, bytes):
            return self._client.put_object(Bucket=bucket, Key=key, Body=source, **extra)
        with source.open("rb") as body:
            return self._client.put_object(Bucket=bucket, Key=key, Body=body, **extra)


_: type[BlobStore] = S3Blobs
