"""`python -m bench.features`: feature vectors by the fleet against raw RDKit and scikit-fingerprints.

The whole is bounded to about 25 minutes on two cores; the molecules are made once (minutes) and kept in
the user's cache. `--records 20000` is a look at all of it in a few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from bench.feature_limits import measure_harm, measure_memory, measure_two_workers
from bench.feature_rates import (
    measure_descriptors,
    measure_ecfp,
    measure_identified,
    measure_levels,
    measure_library,
)
from bench.featuring import Featuring, FeaturingOptions
from bench.molecules import base_file, default_cache
from bench.program import run
from bench.race import FAILURES, say
from bench.report import Options, Report, parser
from bench.site import Site

_MOST_DISTINCT = 100_000

Measure = Callable[[Featuring], Awaitable[None]]
#: name on the command line -> what measures it, in the order in which they are worth having.
FIGURES: Mapping[str, Measure] = {
    "ecfp": measure_ecfp,
    "memory": measure_memory,
    "two-workers": measure_two_workers,
    "identifiers": measure_identified,
    "standardize": measure_levels,
    "skfp": measure_library,
    "descriptors": measure_descriptors,
    "harm": measure_harm,
}


def chosen_of(arguments: Sequence[str] | None = None) -> FeaturingOptions:
    made = parser(__doc__ or "", profiles=False)
    made.add_argument("--records", type=_count, metavar="N", help="records of the first figure (1,000,000)")
    made.add_argument("--rounds", type=_count, metavar="N", help="at most so many rounds each (3)")
    made.add_argument("--only", nargs="+", choices=FIGURES, metavar="NAME", help=", ".join(FIGURES))
    made.add_argument("--skfp-python", type=Path, help="a Python that has scikit-fingerprints")
    made.add_argument("--profile", action="store_true", help="tell where the first figure's time goes")
    found = made.parse_args(arguments)
    return FeaturingOptions(
        quick=found.quick,
        json=found.json,
        profile=None,
        records=found.records or (20_000 if found.quick else 1_000_000),
        wanted_rounds=found.rounds or 3,
        only=tuple(found.only or FIGURES),
        skfp_python=found.skfp_python,
        stages=found.profile,
    )


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


async def measure(site: Site, chosen: FeaturingOptions) -> Report:
    report = Report("Feature vectors, with the broker on the same machine")
    began = time.monotonic()
    say("molecules: made, if the cache lacks them")
    distinct = min(chosen.records, _MOST_DISTINCT)
    base = await asyncio.to_thread(base_file, distinct, default_cache())
    featuring = Featuring(site, chosen, report, base)
    for name in chosen.only:
        say(f"--- {name}")
        try:
            await FIGURES[name](featuring)
        except FAILURES as error:
            say(f"{name} is not measured: {error or type(error).__name__}")
            report.notes.append(f"{name} is not measured: {error or type(error).__name__}")
        if chosen.json is not None:
            report.write(chosen.json)
    report.notes.append(
        f"{distinct:,} distinct molecules of the public sets with substituents put on, 2D coordinates and "
        "three properties each, over and over with different titles in longer files"
    )
    report.notes.append(
        "ours: from the publish call to the terminal event seen, one worker on all cores, blobs in a "
        "directory; raw RDKit: as many processes over byte ranges of the file, the start of Python not "
        "counted, results thrown away"
    )
    report.notes.append(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    return report


def main() -> int:
    chosen = chosen_of()

    async def work(site: Site, _: Options) -> Report:
        return await measure(site, chosen)

    return run(__doc__ or "", work, chosen=chosen)


if __name__ == "__main__":
    sys.exit(main())
