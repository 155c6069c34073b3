"""An HTTP proxy before an S3 server that does what networks and busy servers do, on demand."""

from __future__ import annotations

import http.client
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"


class FaultyProxy:
    """Passes requests on, but for the faults planned for their method, one fault per request.

    `lose`: the server does it all, the client hears nothing. `cut:N`: the answer breaks off after N
    bytes of its body. A number: that status is answered and the server never asked.
    `before` is called with the method of each request, before it is passed on. To the buckets in
    `denied` nobody gets.
    """

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.seen: list[str] = []
        self.before: Callable[[str], None] = lambda method: None
        self.denied: set[str] = set()
        self._planned: dict[str, deque[str]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def plan(self, method: str, *faults: str) -> None:
        with self._lock:
            self._planned[method].extend(faults)
            self.seen.clear()

    def unspent(self) -> int:
        return sum(len(faults) for faults in self._planned.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_fault(self, method: str, path: str) -> str:
        if path.split("/")[1].partition("?")[0] in self.denied:
            return "403"
        with self._lock:
            self.seen.append(method)
            return self._planned[method].popleft() if self._planned[method] else ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy.next_fault(self.command, self.path)
                proxy.before(self.command)
                if fault.isdigit():
                    self._answer(int(fault))
                    return
                upstream = http.client.HTTPConnection(HOST, proxy.upstream, timeout=30)
                headers = dict(self.headers.items()) | {"Connection": "close"}
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    if name.lower() != "expect":
                        upstream.putheader(name, value)
                upstream.endheaders(body)
                answer = upstream.getresponse()
                data = answer.read()
                upstream.close()
                if fault == "lose":
                    self.close_connection = True
                    return
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else len(data)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if fault.startswith("cut:"):
                    self.wfile.write(data[: int(fault[4:])])
                    self.close_connection = True
                else:
                    self.wfile.write(data)

            def _answer(self, status: int) -> None:
                code = {503: "SlowDown", 403: "AccessDenied", 409: "ConditionalRequestConflict"}[status]
                data = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
