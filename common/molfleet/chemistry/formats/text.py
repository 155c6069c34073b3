"""Text of unknown encoding."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"


def decode(data: bytes) -> str:
    """UTF-8 where it is valid, Latin-1 otherwise: no byte is lost and none raises."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
