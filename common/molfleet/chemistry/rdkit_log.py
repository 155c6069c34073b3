"""RDKit's log, which is global to a process: silent, except while somebody listens for a reason."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from rdkit import rdBase

_STAMP = re.compile(r"^\[\d\d:\d\d:\d\d\]\s*")
#: RDKit is given one record at a time, so its lines count from the record's first.
_LINE = re.compile(r"(?:on|at|around) line ?(\d+)(?: of file .*)?")
_NO_REASON = ("Warning", "Pre-condition Violation", "Post-condition Violation", "Invariant Violation")


def silence() -> None:
    """Nothing of RDKit's log reaches stderr any more in this process and those it forks."""
    rdBase.DisableLog("rdApp.*")


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collects the warnings and errors that RDKit logs meanwhile; afterwards it is silent."""
    collected = _Collector()
    logger = logging.getLogger("rdkit")
    handlers, propagate = logger.handlers, logger.propagate
    # rdkit gives this logger a handler of its own that writes to stderr.
    logger.handlers, logger.propagate = [collected], False
    rdBase.LogToPythonLogger()
    rdBase.EnableLog("rdApp.error")
    rdBase.EnableLog("rdApp.warning")
    try:
        yield collected.lines
    finally:
        silence()
        rdBase.LogToCppStreams()
        silence()
        logger.handlers, logger.propagate = handlers, propagate


def sentence(lines: list[str]) -> str:
    """RDKit's reason on one line, without its time stamps; empty where it gave none."""
    said: list[str] = []
    for line in lines:
        text = _STAMP.sub("", " ".join(line.split()))
        text = text.removeprefix("SMILES Parse Error: ").removeprefix("ERROR:").strip().rstrip(".:")
        if text.startswith("Violation occurred"):
            break  # a broken invariant; file names and a stack trace follow
        # Pictures of the position ("~~~^"), rulers, headings, warnings, repetitions say nothing more.
        worth = len(text) > 1 and set(text) - set("~^*- ") and not text.startswith(_NO_REASON)
        if worth and text not in said:
            said.append(_LINE.sub(r"on line \1 of the record", text))
    if any("syntax error" in text for text in said):
        said = said[:2]
    return "; ".join(said)[:500]


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
