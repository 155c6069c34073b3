"""molfleet worker: run one worker, or ask a running one how it is."""

from __future__ import annotations

import json as json_module
import urllib.error
import urllib.request
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from molfleet.cli import frame


class _Workers(TyperGroup):
    """`molfleet worker NAME` is `molfleet worker run NAME`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = not args or args[0].startswith("-") or args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["run", *args])


app = typer.Typer(cls=_Workers, no_args_is_help=True, help="Run a worker, or ask one how it is.")


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="feature-vectors, modeler, predictor, or one of yours.")],
    topics: Annotated[
        str | None,
        typer.Option(help="Only these of its topics, separated by commas; without: all of them."),
    ] = None,
) -> None:
    """Run the worker NAME until it is told to stop (SIGTERM or Ctrl-C).

    The word run may be left out. Example: molfleet worker predictor --topics predictions.single.commands
    """
    from molfleet.runtime.main import main

    prefix = frame.settings().topic_prefix
    named = [topic.strip().removeprefix(prefix) for topic in (topics or "").split(",")]
    main(name, topics=tuple(prefix + topic for topic in named if topic), env_file=frame.env_file())


@app.command("health")
def health(
    alive: Annotated[
        bool, typer.Option("--alive", help="Only whether the process is alive, not whether it is ready.")
    ] = False,
    json: frame.Json = False,
) -> None:
    """Ask the worker on this machine whether it is ready; for images without curl.

    Exit code 0: ready, 1: not ready (with the reasons), 3: nobody answers. The port is that of
    MOLFLEET_WORKER_HTTP_PORT. Example: molfleet worker health
    """
    worker = frame.settings().worker
    if worker.http_port == 0:
        raise frame.Usage("MOLFLEET_WORKER_HTTP_PORT is 0, so the worker has no health page.")
    host = "127.0.0.1" if worker.http_host in ("0.0.0.0", "::") else worker.http_host  # noqa: S104
    url = f"http://{host}:{worker.http_port}/{'healthz' if alive else 'readyz'}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            body = answer.read(65_536)
        healthy = True
    except urllib.error.HTTPError as error:
        body, healthy = error.read(65_536), False
    except OSError as error:
        frame.fail(frame.Exit.UNREACHABLE, f"nobody answers at {url} ({error}).")
    try:
        said = json_module.loads(body)
    except ValueError:
        frame.fail(frame.Exit.UNREACHABLE, f"what answers at {url} is no worker of molfleet.")
    if json:
        frame.print_json(said)
    else:
        reasons = said.get("reasons") or ([] if healthy else ["it gave no reason"])
        print("alive" if alive and healthy else "ready" if healthy else "not ready")
        for reason in reasons:
            print(f"  {reason}")
    raise typer.Exit(frame.Exit.SUCCESS if healthy else frame.Exit.FAILED)
