"""The command line `molfleet`. One file per noun; heavy imports happen inside the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from molfleet.cli import (
    blobs,
    catalogue,
    commands,
    dead_letters,
    doctor,
    features,
    frame,
    model,
    offline,
    outputs,
    schemas,
    settings,
    topics,
    watch,
    worker,
)

app = typer.Typer(
    name="molfleet",
    cls=frame.Root,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 the command ended in a failure event, 2 usage or settings, "
    "3 unreachable, 4 timeout. Settings are MOLFLEET_* variables: molfleet settings.",
)

_FLEET, _LOCAL, _HOUSE = "The fleet", "Without Kafka", "Operating"

app.command("publish", rich_help_panel=_FLEET)(commands.publish)
app.command("watch", rich_help_panel=_FLEET)(watch.watch)
app.command("cancel", rich_help_panel=_FLEET)(commands.cancel)
app.command("outputs", rich_help_panel=_FLEET)(outputs.outputs)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=_FLEET)
app.add_typer(blobs.app, name="blobs", rich_help_panel=_FLEET)

app.command("features", rich_help_panel=_LOCAL)(features.features)
app.command("train", rich_help_panel=_LOCAL)(offline.train)
app.command("predict", rich_help_panel=_LOCAL)(offline.predict)
app.add_typer(model.app, name="model", rich_help_panel=_LOCAL)
app.command("catalogue", rich_help_panel=_LOCAL)(catalogue.catalogue)

app.add_typer(worker.app, name="worker", rich_help_panel=_HOUSE)
app.add_typer(topics.app, name="topics", rich_help_panel=_HOUSE)
app.add_typer(schemas.app, name="schemas", rich_help_panel=_HOUSE)
app.command("settings", rich_help_panel=_HOUSE)(settings.show)
app.command("doctor", rich_help_panel=_HOUSE)(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"molfleet {version('molfleet')}")
        raise typer.Exit


@app.callback()
def root(
    env_file: frame.EnvFile = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Molecular machine learning on Kafka: publish commands, follow them, run and operate workers."""
    frame.use_env_file(env_file)


def main() -> None:
    """The entry point of the script `molfleet`."""
    app()
