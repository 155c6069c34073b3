"""A small HTTP server for probes: /healthz, /readyz and /metrics. Nothing else, and no framework.

It answers GET and HEAD, one request per connection, with a bound on the size of a request, on the time
a client may take and on the number of clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from molfleet.settings import WorkerSettings
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

MAX_REQUEST_BYTES = 8_192
MAX_CLIENTS = 64
CLIENT_TIMEOUT_S = 5.0

#: Why the worker is not ready, as sentences; empty = ready.
NotReady = Callable[[], Sequence[str]]
#: The metrics page and its content type.
Page = Callable[[], tuple[bytes, str]]

_JSON = "application/json"


async def serve(settings: WorkerSettings, not_ready: NotReady, metrics: Page) -> HealthServer | None:
    """Start the server as the settings say; None where the port is 0. Raises OSError (port taken)."""
    if settings.http_port == 0:
        return None
    server = HealthServer(not_ready, metrics)
    await server.start(settings.http_host, settings.http_port)
    return server


class HealthServer:
    """`/healthz` answers 200 whenever the loop runs; it never asks a dependency."""

    def __init__(
        self, not_ready: NotReady, metrics: Page, *, client_timeout_s: float = CLIENT_TIMEOUT_S
    ) -> None:
        self._not_ready = not_ready
        self._metrics = metrics
        self._timeout_s = client_timeout_s
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_REQUEST_BYTES)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            raise RuntimeError("the health server is not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                request = await self._read(reader)
                writer.write(self._answer(request))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            with contextlib.suppress(OSError):
                writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> bytes | None:
        """The request's head; None where it is larger than a probe's ever is."""
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return None

    def _answer(self, request: bytes | None) -> bytes:
        if request is None:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        parts = request.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST)
        method, target, _ = parts
        if method not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, extra="Allow: GET, HEAD\r\n")
        try:
            status, body, kind = self._page(target.split(b"?", 1)[0])
        except Exception as error:  # a probe gets an answer whatever is wrong with the worker
            log.exception("a health page failed")
            status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, _JSON
            body = json.dumps({"error": type(error).__name__}).encode() + b"\n"
        return _response(status, body, kind, head=method == b"HEAD")

    def _page(self, path: bytes) -> tuple[HTTPStatus, bytes, str]:
        if path == b"/healthz":
            return HTTPStatus.OK, b'{"alive": true}\n', _JSON
        if path == b"/readyz":
            reasons = list(self._not_ready())
            body = json.dumps({"ready": not reasons, "reasons": reasons}, ensure_ascii=False) + "\n"
            status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
            return status, body.encode(), _JSON
        if path == b"/metrics":
            body_bytes, kind = self._metrics()
            return HTTPStatus.OK, body_bytes, kind
        return HTTPStatus.NOT_FOUND, b'{"error": "known: /healthz, /readyz, /metrics"}\n', _JSON


def _response(
    status: HTTPStatus, body: bytes = b"", kind: str = _JSON, *, extra: str = "", head: bool = False
) -> bytes:
    if not body and status != HTTPStatus.OK:
        body = json.dumps({"error": status.phrase}).encode() + b"\n"
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return lines.encode("ascii") + (b"" if head else body)
