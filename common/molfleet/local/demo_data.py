"""The molecules of the demo, from the data that ships inside the RDKit wheel."""

from __future__ import annotations

import csv
from pathlib import Path

from rdkit import Chem, RDConfig, RDLogger


def measured_sdf(path: Path) -> tuple[Path, int]:
    """CHEMBL2321810 as an SD file with the field `activity`; how many records it has."""
    folder = Path(RDConfig.RDContribDir) / "FreeWilson" / "data"
    with (folder / "CHEMBL2321810_act.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        activities = {row[0]: row[1] for row in rows if row}
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined,unused-ignore]
    with Chem.SDWriter(str(path)) as writer:
        for line in (folder / "CHEMBL2321810.smi").read_text("utf-8").splitlines():
            smiles, _, name = line.partition(" ")
            mol = Chem.MolFromSmiles(smiles)
            if mol is None or name.strip() not in activities:
                continue
            mol.SetProp("_Name", name.strip())
            mol.SetProp("activity", activities[name.strip()])
            writer.write(mol)
            count += 1
    return path, count


def nci_smiles(path: Path) -> tuple[Path, int]:
    """What RDKit calls the first 5K of the NCI set (4,999) as a SMILES file; how many lines it has."""
    text = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path, len(text.splitlines())
