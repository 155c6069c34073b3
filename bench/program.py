"""What every benchmark's command line does: options, a broker, the report; nothing left behind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from bench.report import Options, Report, options
from bench.site import RunFailed, Site, open_site
from molfleet.local.jars import JarsError
from molfleet.local.node import LocalBrokerError
from molfleet.local.workers import WorkerFailed


def run(
    description: str,
    measure: Callable[[Site, Options], Awaitable[Report]],
    *,
    profiles: bool = False,
    chosen: Options | None = None,
) -> int:
    """The exit code: 0, 1 where something did not run, 130 after Ctrl-C.

    `chosen`: the options, where a benchmark has some of its own and has read them.
    """
    chosen = chosen or options(description, profiles=profiles)
    if chosen.profile is not None:
        chosen.profile.mkdir(parents=True, exist_ok=True)

    async def work(site: Site) -> Report:
        return await measure(site, chosen)

    try:
        with open_site() as site:
            report = asyncio.run(work(site))
    except KeyboardInterrupt:
        return 130
    except (RunFailed, LocalBrokerError, JarsError, WorkerFailed, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.finish(chosen)
    return 0
