"""The command line of bench.training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bench.molecules import default_cache
from bench.report import Options, parser
from bench.training_sets import FIVE, SETS

PARTS = ("scores", "intervals", "domain", "cost", "refit", "defaults")
SPLITS = ("random", "scaffold")
#: Fast, and among the best.
METHOD = "lightgbm:ECFC+DESC"
_SPLITS_OF_INTERVALS = {"random": 20, "scaffold": 10}
#: So many molecules of a set at most in a quick look.
_QUICK_MOLECULES = 300


@dataclass(frozen=True, slots=True)
class TrainingOptions(Options):
    parts: tuple[str, ...]
    sets: tuple[str, ...]
    splits: tuple[str, ...]
    seeds: int
    contestants: tuple[str, ...]
    most: int | None
    threads: int
    keep: Path
    chemprop_python: Path | None
    method: str
    random_splits: int
    scaffold_splits: int
    large: int
    patience_s: float

    def wants(self, contestant: str, otherwise: Sequence[str]) -> bool:
        """`otherwise`: the patterns that hold where the command line has none."""
        return any(fnmatchcase(contestant, pattern) for pattern in self.contestants or otherwise)


def chosen_of(description: str, arguments: Sequence[str] | None = None) -> TrainingOptions:
    made = parser(description, profiles=False)
    made.add_argument("--part", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    made.add_argument("--sets", nargs="+", choices=SETS, metavar="SET", help=", ".join(SETS))
    made.add_argument("--splits", nargs="+", choices=SPLITS, metavar="SPLIT", help=", ".join(SPLITS))
    made.add_argument("--seeds", type=count, metavar="N", help="splits and models of seeds 0 to N-1 (5)")
    made.add_argument(
        "--contestants",
        nargs="+",
        metavar="PATTERN",
        help="methods of ours with features, and rivals: 'lightgbm:*', rival:chemprop",
    )
    made.add_argument("--most", type=count, metavar="N", help="draw so many molecules of each set at most")
    made.add_argument("--threads", type=count, default=1, metavar="N", help="of each method of ours (1)")
    made.add_argument(
        "--keep", type=Path, metavar="DIR", help="results as they come; a run that was stopped goes on"
    )
    made.add_argument("--chemprop-python", type=Path, help="a Python that has chemprop")
    made.add_argument(
        "--method", default=METHOD, metavar="NAME", help=f"of intervals, domain and refit ({METHOD})"
    )
    for split, number in _SPLITS_OF_INTERVALS.items():
        made.add_argument(
            f"--{split}-splits", type=count, metavar="N", help=f"of the intervals and the domain ({number})"
        )
    made.add_argument(
        "--large", type=count, default=100_000, metavar="N", help="molecules of the large set (100,000)"
    )
    made.add_argument(
        "--patience", type=count, default=3600, metavar="S", help="seconds for one method on one set (3600)"
    )
    found = made.parse_args(arguments)
    quick: bool = found.quick
    return TrainingOptions(
        quick=quick,
        json=found.json,
        profile=None,
        parts=tuple(found.part or PARTS),
        sets=tuple(found.sets or (("freesolv", "bace") if quick else FIVE)),
        splits=tuple(found.splits or SPLITS),
        seeds=found.seeds or (1 if quick else 5),
        contestants=tuple(found.contestants or ()),
        most=found.most or (_QUICK_MOLECULES if quick else None),
        threads=found.threads,
        keep=found.keep or default_cache() / "training",
        chemprop_python=found.chemprop_python,
        method=found.method,
        random_splits=found.random_splits or (2 if quick else _SPLITS_OF_INTERVALS["random"]),
        scaffold_splits=found.scaffold_splits or (2 if quick else _SPLITS_OF_INTERVALS["scaffold"]),
        large=2_000 if quick else found.large,
        patience_s=float(found.patience),
    )


def count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number
