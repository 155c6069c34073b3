"""The S3 server that molfleet starts by itself."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from molfleet.local import s3
from molfleet.local.node import HOST, until
from molfleet.local.s3 import LocalS3, LocalS3Error, built_gateway

PARENT = """
import sys
from pathlib import Path
from molfleet.local.s3 import LocalS3
with LocalS3(Path(sys.argv[1])) as server:
    print(server._process.pid, flush=True)
    sys.stdin.read()
"""


def answers(server: LocalS3, timeout_s: float = 2.0) -> bool:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=timeout_s)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.real
def test_it_stops_answering_and_answers_again_as_told(tmp_path: Path) -> None:
    with LocalS3(tmp_path) as server:
        before = (server.port, server.access_key, server.secret_key)
        assert answers(server)
        server.pause()
        assert not answers(server, timeout_s=0.5)
        server.resume()
        assert answers(server)
        server.stop()
        assert not answers(server)
        server.start()
        assert answers(server)
        assert (server.port, server.access_key, server.secret_key) == before
    assert not answers(server)


@pytest.mark.real
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdin
    assert parent.stdout
    server = int(parent.stdout.readline())
    assert psutil.pid_exists(server)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    assert until(
        lambda: not psutil.pid_exists(server) or psutil.Process(server).status() == "zombie",
        time.monotonic() + 10,
    )


@pytest.mark.real
def test_credentials_are_new_with_each_server_and_stand_in_no_argument(tmp_path: Path) -> None:
    with LocalS3(tmp_path / "1") as one, LocalS3(tmp_path / "2") as two:
        assert one.secret_key != two.secret_key
        assert not any(one.secret_key in argument for argument in one.program())


def test_without_go_and_a_built_gateway_it_says_so_and_takes_moto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalS3Error, match="no Go"):
        built_gateway(tmp_path / "cache")
    said: list[str] = []
    server = LocalS3(tmp_path / "data", cache=tmp_path / "cache", tell=said.append)
    assert "moto.server" in server.program()
    assert server.kind == "moto"
    assert "no Go" in said[0]


def test_where_neither_can_be_had_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(s3.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LocalS3Error, match=r"install Go.*moto\[server\].*MOLFLEET_S3_ENDPOINT"):
        LocalS3(tmp_path / "data", cache=tmp_path / "cache").program()


def test_a_gateway_in_the_cache_is_used_without_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / f"versitygw-{s3.GATEWAY_VERSION}").write_text("")
    server = LocalS3(tmp_path / "data", cache=tmp_path)
    assert server.program()[0] == str(tmp_path / f"versitygw-{s3.GATEWAY_VERSION}")
    assert server.kind == "versitygw"
