"""What a node of the local broker is told, and ports that are taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from molfleet.local.node import (
    HOST,
    LocalBrokerError,
    Node,
    free_ports,
    last_words,
    listening,
    properties,
    refuse_busy,
)


def nodes(directory: Path, count: int) -> list[Node]:
    return [
        Node(n, directory / f"node-{n}", {"PLAINTEXT": 100 + n, "SSL": 200 + n, "CONTROLLER": 300 + n})
        for n in range(1, count + 1)
    ]


def said(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("count", "replicas", "in_sync"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2")])
def test_replication_follows_from_the_number_of_nodes(
    tmp_path: Path, count: int, replicas: str, in_sync: str
) -> None:
    all_nodes = nodes(tmp_path, count)
    found = said(properties(all_nodes[0], all_nodes, ("PLAINTEXT",), {}))
    assert found["default.replication.factor"] == replicas
    assert found["offsets.topic.replication.factor"] == replicas
    assert found["min.insync.replicas"] == in_sync
    assert found["controller.quorum.voters"].count("@") == count


def test_further_listeners_have_ports_of_their_own_and_overrides_win(tmp_path: Path) -> None:
    (node,) = nodes(tmp_path, 1)
    found = said(properties(node, [node], ("PLAINTEXT", "SSL"), {"num.io.threads": "9"}))
    assert found["listeners"] == (f"PLAINTEXT://{HOST}:101,SSL://{HOST}:201,CONTROLLER://{HOST}:301")
    assert found["advertised.listeners"] == f"PLAINTEXT://{HOST}:101,SSL://{HOST}:201"
    assert "SSL:SSL" in found["listener.security.protocol.map"]
    assert found["num.io.threads"] == "9"


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        refuse_busy(port)


def test_a_busy_port_is_named() -> None:
    with socket.create_server((HOST, 0)) as busy:
        port = busy.getsockname()[1]
        assert listening(port)
        with pytest.raises(LocalBrokerError, match=f"port {port} is in use"):
            refuse_busy(port)


def test_a_node_that_was_never_started_does_not_run_and_takes_signals_calmly(tmp_path: Path) -> None:
    (node,) = nodes(tmp_path, 1)
    assert not node.running()
    assert node.gone(0)


def test_the_last_words_are_the_end_of_the_log_and_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert str(log) in last_words(log)
    log.write_text("\n".join(f"line {n}" for n in range(9)))
    assert last_words(log, lines=2) == f"line 7 | line 8 (all of it in {log})"
