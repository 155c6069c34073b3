"""What is wrong with a mol block that RDKit cannot read, where RDKit's own reason does not tell."""

from __future__ import annotations

import re

from molfleet.chemistry.formats.text import decode

_COUNTS = re.compile(r"^\s*\d+\s+\d+.*V[23]000\s*$")
_V2000_COUNTS = re.compile(r"^([ \d]{3})([ \d]{3}).*V2000\s*$")
_ATOM = re.compile(r"^\s*-?\d+\.\d*\s+-?\d+\.\d*\s+-?\d+\.\d*\s+\S")
_BOND = re.compile(r"^[ \d]{3}[ \d]{3}[ \d]{3}")
_COUNTS_LINE = 4
_LOOKED_THROUGH = 20_000


def fault_of(block: bytes | str) -> str | None:
    """A sentence on what is wrong with a mol block; None where nothing known is found."""
    text = block if isinstance(block, str) else decode(block)
    lines = text.split("\n", _LOOKED_THROUGH)[:_LOOKED_THROUGH]
    if not text.replace("$$$$", "", 1).strip():
        return "The record is blank."
    if lines[0].startswith("$RXN"):
        return "The record is a reaction (RXN), not a molecule."
    if any(line.startswith("M  V30 BEGIN TEMPLATE") for line in lines):
        return "The record is a macromolecule of templates (SCSR), not a molecule of atoms."
    at = next((number for number, line in enumerate(lines[:12], 1) if _COUNTS.match(line)), None)
    if at is not None and at != _COUNTS_LINE:
        return f"The counts line stands on line {at} of the record; it must be line {_COUNTS_LINE}."
    if fault := _miscounted(lines):
        return fault
    if not any(line.startswith("M  END") for line in lines):
        return "The record has no M  END line."
    return None


def _miscounted(lines: list[str]) -> str | None:
    counts = _V2000_COUNTS.match(lines[_COUNTS_LINE - 1]) if len(lines) >= _COUNTS_LINE else None
    if counts is None or not (counts[1].strip() and counts[2].strip()):
        return None
    body = lines[_COUNTS_LINE:]
    atoms = _leading(body, _ATOM)
    bonds = _leading(body[atoms:], _BOND)
    announced = f"The counts line announces {int(counts[1])} atoms and {int(counts[2])} bonds"
    if (atoms, bonds) != (int(counts[1]), int(counts[2])):
        return f"{announced}; {atoms} lines of atoms and {bonds} lines of bonds follow."
    return None


def _leading(lines: list[str], form: re.Pattern[str]) -> int:
    """How many of the first lines have this form."""
    return next((number for number, line in enumerate(lines) if not form.match(line)), len(lines))
