"""A small server that answers as Confluent's documented schema registry API does.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html. No registry can be run in
these tests, so this stands for one: schemas by id, look-up under a subject, registration, basic auth.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass
class Registered:
    """What the server holds, and what it was asked. `broken` makes it answer with an HTML error page."""

    auth: str | None = None
    broken: bool = False
    by_id: dict[int, dict[str, Any]] = field(default_factory=dict)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, subject: str, schema: str, **more: Any) -> int:
        schema_id = 100 + len(self.by_id)
        self.by_id[schema_id] = {"schema": schema, **more}
        self.subjects.setdefault(subject, []).append(schema_id)
        return schema_id

    def find(self, subject: str, schema: str) -> int | None:
        for schema_id in self.subjects.get(subject, []):
            if json.loads(self.by_id[schema_id]["schema"]) == json.loads(schema):
                return schema_id
        return None


def answer(state: Registered, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON body."""
    match method, path.strip("/").split("/"):
        case "GET", ["schemas", "ids", number]:
            held = state.by_id.get(int(number))
            if held is None:
                return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
            return 200, held
        case "POST", ["subjects", subject]:
            if subject not in state.subjects:
                return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
            found = state.find(subject, body["schema"])
            if found is None:
                return 404, {"error_code": 40403, "message": "Schema not found"}
            return 200, {"subject": subject, "id": found, "version": 1, "schema": body["schema"]}
        case "POST", ["subjects", subject, "versions"]:
            found = state.find(subject, body["schema"])
            return 200, {"id": found or state.add(subject, body["schema"])}
    return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}


@contextmanager
def serving(state: Registered) -> Iterator[Registered]:
    """The server, on a free port, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", {})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer("POST", json.loads(self.rfile.read(length)))

        def _answer(self, method: str, body: dict[str, Any]) -> None:
            state.requests.append(f"{method} {self.path}")
            if state.broken:
                self._send(502, "text/html", b"<html>Bad gateway</html>")
                return
            status, content = answer(state, method, self.path, body)
            if state.auth is not None:
                expected = "Basic " + base64.b64encode(state.auth.encode()).decode()
                if self.headers.get("Authorization") != expected:
                    status, content = 401, {"error_code": 401, "message": "Unauthorized"}
            self._send(status, MEDIA_TYPE, json.dumps(content).encode())

        def _send(self, status: int, media_type: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
