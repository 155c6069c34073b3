from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from molfleet.settings import WorkerSettings
from molfleet.telemetry import health
from molfleet.telemetry.metrics import Metrics

READY: Callable[[], list[str]] = list


@asynccontextmanager
async def serving(
    not_ready: health.NotReady = READY, metrics: health.Page | None = None, timeout_s: float = 5.0
) -> AsyncIterator[int]:
    server = health.HealthServer(not_ready, metrics or Metrics().render, client_timeout_s=timeout_s)
    await server.start("127.0.0.1", 0)
    try:
        yield server.port
    finally:
        await server.stop()


async def talk(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = await reader.read()
    finally:
        writer.close()
    if not answer:
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


async def get(port: int, path: str) -> tuple[int, bytes]:
    return await talk(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


async def test_a_worker_with_nothing_amiss_is_alive_and_ready() -> None:
    async with serving() as port:
        assert await get(port, "/healthz") == (200, b'{"alive": true}\n')
        status, body = await get(port, "/readyz?verbose=1")
        assert (status, json.loads(body)) == (200, {"ready": True, "reasons": []})


async def test_a_worker_that_waits_for_its_store_is_alive_but_not_ready_and_says_why() -> None:
    async with serving(lambda: ["the blob store is away"]) as port:
        assert (await get(port, "/healthz"))[0] == 200
        status, body = await get(port, "/readyz")
        assert status == 503
        assert json.loads(body) == {"ready": False, "reasons": ["the blob store is away"]}


async def test_the_metrics_page_is_prometheus_text() -> None:
    async with serving() as port:
        status, body = await get(port, "/metrics")
        assert status == 200
        assert b"# TYPE molfleet_in_flight gauge" in body


async def test_head_has_no_body_and_other_pages_and_methods_are_refused() -> None:
    async with serving() as port:
        assert await talk(port, b"HEAD /healthz HTTP/1.1\r\n\r\n") == (200, b"")
        assert (await get(port, "/etc/passwd"))[0] == 404
        assert (await talk(port, b"POST /healthz HTTP/1.1\r\n\r\n"))[0] == 405


@pytest.mark.parametrize(
    "junk", [b"\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / SPDY/3\r\n\r\n"]
)
async def test_junk_is_a_bad_request_and_the_next_client_is_served(junk: bytes) -> None:
    async with serving() as port:
        assert (await talk(port, junk))[0] == 400
        assert (await get(port, "/healthz"))[0] == 200


async def test_a_request_without_end_is_refused_and_the_next_client_is_served() -> None:
    async with serving() as port:
        try:
            status, _ = await talk(port, b"GET /" + b"a" * 200_000)
        except ConnectionError:
            status = 431
        assert status == 431
        assert (await get(port, "/healthz"))[0] == 200


async def test_a_client_that_says_nothing_is_shown_the_door() -> None:
    async with serving(timeout_s=0.05) as port:
        assert await talk(port, b"GET /hea") == (0, b"")
        assert (await get(port, "/healthz"))[0] == 200


async def test_a_client_beyond_the_bound_is_turned_away() -> None:
    async with serving() as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(health.MAX_CLIENTS)]
        try:
            status, _ = await get(port, "/healthz")
        except ConnectionError:
            status = 0
        finally:
            for _, writer in idle:
                writer.close()
        assert status == 0


async def test_a_page_that_fails_is_a_server_error_without_its_message() -> None:
    def broken() -> list[str]:
        raise ValueError("password=hunter2")

    async with serving(broken) as port:
        status, body = await get(port, "/readyz")
        assert status == 500
        assert b"hunter2" not in body
        assert (await get(port, "/healthz"))[0] == 200


async def test_port_0_in_the_settings_means_no_server() -> None:
    assert await health.serve(WorkerSettings(), READY, Metrics().render) is None
