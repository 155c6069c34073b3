"""Messages between a worker and its own child processes: lists of byte strings, never pickled objects."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence

from molfleet.broker.port import Headers

_COUNT = struct.Struct("!I")
_MAX_MESSAGE = 1 << 30


def pack(frames: Sequence[bytes]) -> bytes:
    """One message: its length, the number of frames, their lengths, the frames (all u32, big-endian)."""
    lengths = struct.pack(f"!{len(frames)}I", *map(len, frames))
    body = b"".join((_COUNT.pack(len(frames)), lengths, *frames))
    return _COUNT.pack(len(body)) + body


def unpack(body: bytes) -> list[bytes]:
    """The frames of a message body. Raises ValueError where lengths do not add up."""
    (count,) = _COUNT.unpack_from(body)
    start = 4 + 4 * count
    if start > len(body):
        raise ValueError("a message of a child process is cut short")
    lengths = struct.unpack_from(f"!{count}I", body, 4)
    if start + sum(lengths) != len(body):
        raise ValueError("the frames of a child process do not add up")
    frames = []
    for length in lengths:
        frames.append(body[start : start + length])
        start += length
    return frames


def pack_headers(headers: Headers) -> bytes:
    """A record's headers as one frame; those without a value, which no event takes over, are left out."""
    return pack([part for name, value in headers if value is not None for part in (name.encode(), value)])[
        4:
    ]


def headers_from(frame: bytes) -> Headers:
    parts = unpack(frame)
    return tuple((name.decode(), value) for name, value in zip(parts[::2], parts[1::2], strict=True))


def send(sock: socket.socket, frames: Sequence[bytes]) -> None:
    sock.sendall(pack(frames))


def receive(sock: socket.socket) -> list[bytes] | None:
    """The next message; None when the other side is gone."""
    head = _exactly(sock, 4)
    if head is None:
        return None
    body = _exactly(sock, _checked(head))
    return None if body is None else unpack(body)


async def receive_async(reader: asyncio.StreamReader) -> list[bytes] | None:
    """The next message; None when the other side is gone."""
    try:
        head = await reader.readexactly(4)
        return unpack(await reader.readexactly(_checked(head)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _checked(head: bytes) -> int:
    (length,) = _COUNT.unpack(head)
    if length > _MAX_MESSAGE:
        raise ValueError(f"a message of {length} bytes is over the limit of {_MAX_MESSAGE}")
    return int(length)


def _exactly(sock: socket.socket, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        try:
            part = sock.recv(min(length - len(parts), 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
