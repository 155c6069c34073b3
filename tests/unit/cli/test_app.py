"""What every command of the command line keeps: help with an example, --json, exit codes, plain errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner, Result

from molfleet.cli.app import app
from molfleet.cli.frame import Exit

#: Nothing listens on port 1, and nobody may.
NOWHERE = {"MOLFLEET_KAFKA_BOOTSTRAP": "127.0.0.1:1", "MOLFLEET_KAFKA_REQUEST_TIMEOUT_MS": "1000"}


def molfleet(*arguments: str, env: dict[str, str] | None = None, stdin: str | None = None) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", **(env or {})}).invoke(
        app, arguments, input=stdin
    )


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that lead to it."""
    group = group or get_command(app)
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())


def test_the_commands_of_the_house_are_all_there() -> None:
    assert {words[0] for words in ALL} == {
        *("publish", "watch", "cancel", "outputs", "dead-letters", "topics", "schemas", "blobs"),
        *("worker", "doctor", "settings", "catalogue", "model", "features", "train", "predict"),
    }


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    result = molfleet(*words, "--help")
    assert result.exit_code == Exit.SUCCESS
    assert "Example: " in result.output
    assert "molfleet " + words[0] in result.output


@pytest.mark.parametrize("words", [words for words in ALL if words != ("worker", "run")], ids=" ".join)
def test_every_command_that_prints_can_print_json(words: tuple[str, ...]) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[words].params)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_misspelt_option_is_a_usage_error_without_a_traceback(words: tuple[str, ...]) -> None:
    result = molfleet(*words, "--no-such-option")
    assert result.exit_code == Exit.USAGE
    assert "Traceback" not in result.output


def test_a_misspelt_command_names_the_nearest() -> None:
    result = molfleet("publsh")
    assert result.exit_code == Exit.USAGE
    assert "publish" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("publish", "CancelCommand", "--set", "command_id=7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("cancel", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("watch",),
        ("dead-letters", "list"),
        ("topics", "plan"),
        ("doctor",),
    ],
    ids=lambda words: words[0],
)
def test_without_a_broker_the_exit_code_says_unreachable(words: tuple[str, ...], tmp_path: Any) -> None:
    env = {**NOWHERE, "MOLFLEET_BLOBS_URL": f"file://{tmp_path}"}
    result = molfleet(*words, env=env)
    assert result.exit_code == Exit.UNREACHABLE
    assert "127.0.0.1" in result.output
    assert words == ("doctor",) or "molfleet doctor" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", [("settings",), ("doctor",), ("blobs", "list"), ("watch",)], ids=" ".join)
def test_a_misspelt_setting_is_named_with_the_nearest(words: tuple[str, ...]) -> None:
    result = molfleet(*words, env={"MOLFLEET_KAFKA_BOOTSTRP": "x"})
    assert result.exit_code == Exit.USAGE
    assert "did you mean MOLFLEET_KAFKA_BOOTSTRAP?" in result.output


def test_an_env_file_that_is_not_there_is_a_usage_error() -> None:
    result = molfleet("--env-file", "nowhere.env", "settings")
    assert result.exit_code == Exit.USAGE
    assert "nowhere.env" in result.output


def test_help_comes_before_anything_heavy_is_imported() -> None:
    heavy = ("rdkit", "numpy", "pandas", "pyarrow", "sklearn", "boto3", "aiokafka", "fastavro", "pydantic")
    program = (
        "import sys; from molfleet.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('HEAVY', [name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout


def test_shell_completion_knows_the_commands() -> None:
    env = {"_MOLFLEET_COMPLETE": "complete_bash", "COMP_WORDS": "molfleet dead", "COMP_CWORD": "1"}
    result = CliRunner(env=env).invoke(app, [], prog_name="molfleet")
    assert "dead-letters" in result.output


def test_the_version_is_printed() -> None:
    assert molfleet("--version").output.startswith("molfleet ")


def test_a_worker_that_nobody_knows_names_those_that_are_installed() -> None:
    result = molfleet("worker", "modeller")
    assert result.exit_code == Exit.USAGE
    assert "modeler" in result.output
