"""Downloads from S3: whole objects or ranges, each of one version, gone on with where a line broke."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore import exceptions as boto

from molfleet.blobs.port import (
    BlobChanged,
    BlobInfo,
    BlobsUnavailable,
    BlobTooLarge,
    PreconditionFailed,
)
from molfleet.blobs.s3_requests import NO_ANSWER, Requests, answered_at

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 1 << 20
_RESTARTS = 8


class Downloads:
    """Downloads over a boto3 client whose own retries are off."""

    def __init__(self, client: S3Client, request: Requests) -> None:
        self._client = client
        self._request = request

    def whole(self, bucket: str, key: str, file: BinaryIO, max_bytes: int | None) -> BlobInfo:
        """All of an object. Raises BlobTooLarge, BlobChanged."""
        for _ in range(_RESTARTS):
            file.seek(0)
            file.truncate()
            try:
                return self._stream(bucket, key, file, max_bytes)
            except PreconditionFailed:
                continue  # replaced while its stream was interrupted
        raise BlobChanged(bucket, key, "it keeps changing while it is read")

    def range(self, bucket: str, key: str, file: BinaryIO, start: int, end: int, etag: str) -> None:
        """The bytes from `start` up to `end` of the version `etag`. Raises BlobChanged."""

        def pour() -> None:
            before = file.tell()
            answer = self._client.get_object(
                Bucket=bucket,
                Key=key,
                Range=f"bytes={start + before}-{end - 1}",
                IfMatch=f'"{etag}"',
            )
            if answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
                raise PreconditionFailed(bucket, key, "the store ignores ranges")
            with closing(answer["Body"]) as body:
                try:
                    for chunk in body.iter_chunks(_CHUNK_BYTES):
                        file.write(chunk)
                except NO_ANSWER:
                    if file.tell() == before:
                        raise
            if file.tell() == before:
                raise PreconditionFailed(bucket, key, "it has fewer bytes")

        while file.tell() < end - start:
            try:
                self._request(bucket, key, pour)
            except PreconditionFailed as error:
                raise BlobChanged(bucket, key, "it is another version") from error

    def _stream(self, bucket: str, key: str, file: BinaryIO, max_bytes: int | None) -> BlobInfo:
        """All of one version, going on where a broken connection left off."""
        ask: Callable[..., Any] = self._client.get_object
        info: BlobInfo | None = None

        def pour() -> BlobInfo:
            nonlocal info
            done = file.tell()
            rest = {"Range": f"bytes={done}-", "IfMatch": f'"{info.etag}"'} if info and done else {}
            answer = ask(Bucket=bucket, Key=key, **rest)
            if done and answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
                raise PreconditionFailed(bucket, key, "the store ignores ranges")
            with closing(answer["Body"]) as body:
                if info is None or not done:
                    info = info_of(bucket, key, answer)
                    if max_bytes is not None and info.size > max_bytes:
                        raise BlobTooLarge(bucket, key, f"{info.size} bytes, more than {max_bytes}")
                try:
                    for chunk in body.iter_chunks(_CHUNK_BYTES):
                        file.write(chunk)
                except boto.FlexibleChecksumError:
                    file.seek(0)
                    file.truncate()
                    raise
                except NO_ANSWER:
                    if file.tell() == done:
                        raise
            return info

        while True:
            info = self._request(bucket, key, pour)
            if file.tell() >= info.size:
                return info


def info_of(bucket: str, key: str, answer: Mapping[str, Any]) -> BlobInfo:
    return BlobInfo(
        bucket,
        key,
        answer["ContentLength"],
        tag_of(answer),
        answer["LastModified"],
        answered_at(answer),
        answer.get("ContentType"),
    )


def tag_of(answer: Mapping[str, Any]) -> str:
    tag = answer.get("ETag")
    if not tag:
        raise BlobsUnavailable("the S3 store's answer carries no ETag")
    return str(tag).strip('"')
