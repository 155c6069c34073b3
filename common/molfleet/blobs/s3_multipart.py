"""Uploads of files too large for one request, part by part, a few parts at once."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from molfleet.blobs.s3_requests import CONFLICT, LIBRARY_ERRORS, Requests, has_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_MOST_PARTS = 10_000
_AT_ONCE = 4


class BeginAnew(Exception):
    """The upload cannot be completed, but another one may."""

    def __init__(self, cause: ClientError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class FileSlice(io.RawIOBase):
    """`length` bytes of a file from `offset` on, as a file of its own; nothing is held in memory."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self._file = path.open("rb")
        self._offset = offset
        self._length = length
        self._file.seek(offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def __len__(self) -> int:
        return self._length

    def tell(self) -> int:
        return self._file.tell() - self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._length}[whence]
        self._file.seek(self._offset + max(0, base + offset))
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        rest = max(0, self._length - self.tell())
        return self._file.readinto(memoryview(buffer)[:rest])

    def close(self) -> None:
        self._file.close()
        super().close()


def part_size(size: int, wanted: int) -> int:
    """Bytes of one part: as wanted, or more where the file would have more parts than S3 takes."""
    return max(wanted, -(-size // _MOST_PARTS))


def upload(
    client: S3Client,
    requests: Requests,
    bucket: str,
    key: str,
    path: Path,
    wanted_part_bytes: int,
    created_with: Mapping[str, Any],
    conditions: Mapping[str, Any],
) -> Mapping[str, Any]:
    """One try at the whole; returns the answer to CompleteMultipartUpload.

    Raises BeginAnew, or the client's own error where completion is refused. What was sent is removed
    on failure.
    """
    size = path.stat().st_size
    step = part_size(size, wanted_part_bytes)
    asked = _checksum(client)
    begun = requests(
        bucket,
        key,
        lambda: client.create_multipart_upload(Bucket=bucket, Key=key, **created_with, **asked),
    )
    name: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}

    def send(number: int) -> CompletedPartTypeDef:
        offset = (number - 1) * step

        def request() -> Mapping[str, Any]:
            with FileSlice(path, offset, min(step, size - offset)) as body:
                return client.upload_part(**name, PartNumber=number, Body=cast(IO[bytes], body))

        answer = requests(bucket, key, request)
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        if "ChecksumAlgorithm" in begun:
            part["ChecksumCRC32"] = answer["ChecksumCRC32"]
        return part

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = list(pool.map(send, range(1, -(-size // step) + 1)))
        return requests.retrying(lambda: _complete(client, name, parts, conditions))
    except BaseException:
        with suppress(*LIBRARY_ERRORS):
            client.abort_multipart_upload(**name)
        raise


def _checksum(client: S3Client) -> dict[str, Any]:
    """What makes the store check each part, unless AWS's own settings say that it cannot."""
    if getattr(client.meta.config, "request_checksum_calculation", "") == "when_required":
        return {}
    return {"ChecksumAlgorithm": "CRC32"}


def _complete(
    client: S3Client,
    name: Mapping[str, Any],
    parts: Sequence[CompletedPartTypeDef],
    conditions: Mapping[str, Any],
) -> Mapping[str, Any]:
    try:
        return client.complete_multipart_upload(**name, MultipartUpload={"Parts": parts}, **conditions)
    except ClientError as error:
        # After a conflict AWS wants the whole upload again. One that is unknown when it is completed was
        # tidied away, or completed by a request whose answer was lost: the next try tells which.
        if has_code(error, *CONFLICT, "NoSuchUpload"):
            raise BeginAnew(error) from error
        raise
