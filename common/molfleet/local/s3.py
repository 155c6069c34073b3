"""A real S3 server on this machine: Versity Gateway where Go is (or it was built before), else moto.

Both honour If-None-Match and If-Match; Versity Gateway also checks credentials and keeps objects as files.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from molfleet.local.jars import default_cache
from molfleet.local.node import HOST, free_ports, last_words, until
from molfleet.local.tether import spawn

GATEWAY = "github.com/versity/versitygw/cmd/versitygw"
GATEWAY_VERSION = "v1.8.0"
_BUILD_TIMEOUT_S = 600

Kind = Literal["versitygw", "moto"]


class LocalS3Error(Exception):
    """No S3 server could be had or started; the message says what to do."""


class LocalS3:
    """One S3 server over `directory`, on a free port, that dies with its parent.

    `kind` forces one of the two; else `why` says why it is the one that it is.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kind: Kind | None = None,
        cache: Path | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._directory = directory
        self._log = directory / "s3.log"
        self._cache = cache or default_cache()
        self._tell = tell
        self._asked = kind
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self.kind: Kind = kind or "versitygw"
        self.why = f"{kind} was asked for" if kind else ""
        self.port = 0
        self.access_key = ""
        self.secret_key = ""

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which molfleet and AWS's own tools find this server."""
        return {
            "MOLFLEET_BLOBS_URL": "s3://",
            "MOLFLEET_S3_ENDPOINT": self.endpoint,
            "MOLFLEET_S3_PATH_STYLE": "true",
            "MOLFLEET_S3_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = 30.0) -> Self:
        """Start, or start again on the same port with the same credentials. Raises LocalS3Error."""
        if self.running():
            return self
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self.port:
            (self.port,) = free_ports(1)
            self.access_key = f"local{secrets.token_hex(8)}"
            self.secret_key = secrets.token_hex(24)
        program = self.program()
        environment = {
            **os.environ,
            "ROOT_ACCESS_KEY": self.access_key,
            "ROOT_SECRET_KEY": self.secret_key,
        }
        # A tether holds on to the thread that made it, so that thread must live as long as this.
        self._thread = ThreadPoolExecutor(1)
        self._process = self._thread.submit(
            lambda: spawn(program, self._log, environment=environment)
        ).result()
        if not until(lambda: not self.running() or self._answers(), time.monotonic() + timeout_s):
            self.stop()
        if not self.running():
            self.stop()
            raise LocalS3Error(f"the S3 server ({self.kind}) did not start: {last_words(self._log)}")
        return self

    def stop(self) -> None:
        """Kill: an S3 store has to be right after that, too."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def pause(self) -> None:
        """From now on connections are accepted by the system, and answered by nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise LocalS3Error("the S3 server does not run")
        self._process.send_signal(number)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def program(self) -> Sequence[str]:
        """The command line, and with it the choice of `kind`. Raises LocalS3Error where there is none."""
        if self._asked != "moto":
            try:
                gateway = built_gateway(self._cache, self._tell)
            except LocalS3Error as error:
                self.why = str(error)
            else:
                self.kind, self.why = "versitygw", "it is the more faithful one"
                return self._gateway_command(gateway)
        if self._asked == "versitygw" or importlib.util.find_spec("moto") is None:
            raise LocalS3Error(
                f"no S3 server can be had here ({self.why}): install Go, which builds Versity Gateway, or "
                "the package moto[server], or name a store of your own in MOLFLEET_S3_ENDPOINT"
            )
        self.kind = "moto"
        self._tell(f"S3 server: moto, which forgets all when stopped ({self.why})")
        return [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self.port)]

    def _gateway_command(self, gateway: Path) -> Sequence[str]:
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = [str(gateway), "--port", f"{HOST}:{self.port}", "--quiet", "--keep-alive", "posix"]
        if not _keeps_attributes(data):
            sidecar = self._directory / "attributes"
            sidecar.mkdir(exist_ok=True)
            command += ["--sidecar", str(sidecar)]
        return [*command, str(data)]


def built_gateway(cache: Path, tell: Callable[[str], None] = lambda line: None) -> Path:
    """Versity Gateway's program, built into the cache where it is not there yet; needs Go for that.

    Go's own checksum database vouches for the source. Raises LocalS3Error.
    """
    program = cache / f"versitygw-{GATEWAY_VERSION}"
    if program.is_file():
        return program
    go = shutil.which("go")
    if go is None:
        raise LocalS3Error("there is no Go to build Versity Gateway with")
    tell(f"Building Versity Gateway {GATEWAY_VERSION} with Go, once; about a minute and a half ...")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as build:
        try:
            subprocess.run(
                [go, "install", f"{GATEWAY}@{GATEWAY_VERSION}"],
                env={**os.environ, "GOBIN": build, "GOFLAGS": ""},
                cwd=build,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_BUILD_TIMEOUT_S,
                check=True,
            )
        except subprocess.TimeoutExpired:
            raise LocalS3Error("Go did not build Versity Gateway in time") from None
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise LocalS3Error(f"Go could not build Versity Gateway: {' '.join(reason)}") from None
        (Path(build) / "versitygw").replace(program)
    return program


def _keeps_attributes(directory: Path) -> bool:
    """Whether the file system keeps extended attributes, where the gateway puts what describes objects."""
    try:
        os.setxattr(directory, "user.molfleet", b"1")
        os.removexattr(directory, "user.molfleet")
    except (AttributeError, OSError):
        return False
    return True
