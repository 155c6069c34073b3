"""Messages between a worker and its children keep their frames."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.runtime import frames


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_packed_comes_out_again(parts: list[bytes]) -> None:
    assert frames.unpack(frames.pack(parts)[4:]) == parts


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=10))
def test_headers_come_out_again(headers: list[tuple[str, bytes]]) -> None:
    assert frames.headers_from(frames.pack_headers(tuple(headers))) == tuple(headers)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.data())
def test_a_message_that_is_cut_short_is_refused(parts: list[bytes], data: st.DataObject) -> None:
    body = frames.pack(parts)[4:]
    cut = data.draw(st.integers(4, len(body) - 1)) if len(body) > 4 else 4
    with pytest.raises(ValueError, match=r"child process|frames"):
        frames.unpack(body[:cut])


async def test_the_end_of_the_other_side_is_none_and_no_error() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    frames.send(theirs, [b"one", b""])
    theirs.sendall(b"\x00\x00\x00\x09half")
    theirs.close()
    assert await frames.receive_async(reader) == [b"one", b""]
    assert await frames.receive_async(reader) is None
    writer.close()


def test_the_end_of_the_worker_is_none_for_its_child() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    assert frames.receive(theirs) is None
    theirs.close()
