"""SD records: the input's own structure and fields, with predictions as further fields."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem import rdDepictor

from molfleet.chemistry.records import RawRecord
from workers.predictor.columns import Cell

_MOL_END = re.compile(rb"^M  END[^\n]*\n?", re.MULTILINE)
_NO_STRUCTURE = "\n  molfleet\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"


def sd_record(raw: RawRecord, mol: Chem.Mol | None, fields: Sequence[tuple[str, Cell]]) -> bytes:
    """One record of the output. A mol block is kept byte for byte; from other notations one is drawn.

    `fields` win over the input's own of the same name, which are kept as `input:NAME`; empty ones
    are left out.
    """
    ours = {name for name, _ in fields}
    lines = [
        _field(f"input:{name}" if name in ours else name, text) for name, text in raw.properties.items()
    ]
    lines += [_field(name, cell_text(value)) for name, value in fields if value is not None]
    return _structure(raw, mol) + "".join(lines).encode() + b"$$$$\n"


def cell_text(value: Cell) -> str:
    """A cell as text: numbers with seven digits (their precision is float32), nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _field(name: str, text: str) -> str:
    clean = name.replace("<", "(").replace(">", ")").replace("\n", " ").replace("\r", " ")
    # A blank line would end the value, a line of four dollars the record.
    kept = [line.replace("$$$$", "$ $$$") for line in text.splitlines() if line.strip()]
    value = "\n".join(kept)
    return f">  <{clean}>\n{value}\n\n"


def _structure(raw: RawRecord, mol: Chem.Mol | None) -> bytes:
    if raw.notation == "molblock":
        block = raw.block if isinstance(raw.block, bytes) else raw.block.encode()
        ending = _MOL_END.search(block)
        if ending:
            return block[: ending.end()].rstrip(b"\r\n") + b"\n"
    title = " ".join(raw.title.split())
    if mol is None:
        return (title + _NO_STRUCTURE).encode()
    drawn = Chem.Mol(mol)
    if not drawn.GetNumConformers():
        rdDepictor.Compute2DCoords(drawn)
    _, _, rest = Chem.MolToMolBlock(drawn).partition("\n")
    return f"{title}\n{rest}".encode()
