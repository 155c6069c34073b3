"""Real structures that every machine with RDKit has, and the public files that some have."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from rdkit import Chem, RDConfig

from molfleet.chemistry.records import Parsed, RawRecord, open_records, parse
from molfleet.errors import RecordCode
from tests.paths import SHARED_DATA

NCI_SDF = Path(RDConfig.RDDataDir) / "NCI" / "first_200.props.sdf"
NCI_SMILES = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def shared(name: str) -> Path:
    """A public file of ../shared/data; the test is skipped where it is absent."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip("../shared/data is absent")
    return path


@cache
def nci_smiles(count: int) -> tuple[str, ...]:
    lines = NCI_SMILES.read_text().splitlines()[:count]
    return tuple(line.split()[0] for line in lines)


def sdf_of(*smiles: str, fields: dict[str, str] | None = None) -> str:
    """An SD file of these molecules, titled by their position."""
    records = []
    for index, text in enumerate(smiles):
        mol = Chem.MolFromSmiles(text)
        mol.SetProp("_Name", f"molecule {index}")
        tags = "".join(f">  <{name}>\n{value}\n\n" for name, value in (fields or {}).items())
        records.append(f"{Chem.MolToMolBlock(mol)}{tags}$$$$\n")
    return "".join(records)


def write(directory: Path, name: str, content: str | bytes) -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def seen(raw: RawRecord) -> tuple[int, int, str, str | bytes, dict[str, str]]:
    return raw.record, raw.line, raw.title, raw.block, dict(raw.properties)


def smiles_of(path: Path, **options: str) -> list[str | RecordCode]:
    found: list[str | RecordCode] = []
    for raw in open_records(path, **options):
        parsed = parse(raw)
        found.append(Chem.MolToSmiles(parsed.mol) if isinstance(parsed, Parsed) else parsed.code)
    return found
