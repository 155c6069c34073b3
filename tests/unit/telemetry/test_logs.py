from __future__ import annotations

import io
import json
import logging
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import SecretStr

from molfleet.settings import LogSettings
from molfleet.telemetry import logs

ID = UUID("0b8f7a3e-58a5-4a0c-9a3c-b7f5bd1f2d11")


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def configured(
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO", *hide: SecretStr
) -> io.StringIO:
    out = io.StringIO()
    logs.configure(LogSettings(level=level), worker="modeler", hide=hide, stream=out)
    return out


def test_a_line_is_one_json_object_with_time_level_event_and_worker() -> None:
    out = configured()
    logs.get_logger("molfleet.x").info("a thing happened", records=3)
    (line,) = lines(out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "a thing happened",
        "logger": "molfleet.x",
        "worker": "modeler",
        "records": 3,
    }


def test_lines_within_a_command_name_it_and_lines_after_it_do_not() -> None:
    out = configured()
    log = logs.get_logger("x")
    with logs.about("TrainModel", ID, ID):
        log.info("inside")
    log.info("outside")
    inside, outside = lines(out)
    assert inside["command_type"] == "TrainModel"
    assert inside["command_id"] == inside["correlation_id"] == str(ID)
    assert "command_id" not in outside


def test_a_library_logs_in_our_form_and_within_the_command() -> None:
    out = configured()
    with logs.about("TrainModel", ID, ID):
        logging.getLogger("aiokafka.consumer").error("node %d is away", 7)
    (line,) = lines(out)
    assert line["event"] == "node 7 is away"
    assert line["command_id"] == str(ID)


def test_a_chatty_library_is_not_heard_at_info_but_at_debug() -> None:
    out = configured()
    logging.getLogger("aiokafka").info("metadata")
    assert lines(out) == []
    out = configured("DEBUG")
    logging.getLogger("aiokafka").info("metadata")
    assert len(lines(out)) == 1


def test_below_the_level_nothing_is_written() -> None:
    out = configured("WARNING")
    logs.get_logger("x").info("quiet")
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"sasl_password": "hunter2"},
        {"value": SecretStr("hunter2")},
        {"settings": {"kafka": {"ssl_key_password": "hunter2"}}},
        {"headers": [{"Authorization": "Basic hunter2"}]},
        {"url": "https://me:hunter2@example.org/x"},
        {"AWS_SECRET_ACCESS_KEY": "hunter2"},
        {"schema_registry_auth": "me:hunter2"},
    ],
)
def test_no_secret_reaches_the_log(fields: dict[str, object]) -> None:
    out = configured()
    logs.get_logger("x").info("starting", **fields)
    assert "hunter2" not in out.getvalue()
    assert logs.MASK in out.getvalue()


def test_a_hidden_value_is_masked_even_in_a_traceback() -> None:
    out = configured("INFO", SecretStr("hunter2"))
    try:
        raise ValueError("login with hunter2 failed")
    except ValueError:
        logs.get_logger("x").exception("login")
    (line,) = lines(out)
    assert "hunter2" not in out.getvalue()
    assert "ValueError" in line["exception"]


def test_the_console_form_is_text_for_people_and_masks_too() -> None:
    out = io.StringIO()
    logs.configure(LogSettings(format="console"), hide=[SecretStr("hunter2")], stream=out)
    logs.get_logger("x").warning("hello", password="hunter2", note="hunter2")
    assert "hello" in out.getvalue()
    assert "hunter2" not in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_configuring_again_does_not_double_the_lines() -> None:
    configured()
    out = configured()
    logs.get_logger("x").info("once")
    assert len(lines(out)) == 1
