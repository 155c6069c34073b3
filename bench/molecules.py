"""Molecules for the benchmarks: drug-like, distinct, made from public sets; kept in a cache.

A parent is a molecule of the public sets beside the repository, where they are, and of the RDKit wheel.
Each gets one or two small substituents in place of C-H, drawn by a seed of its own, so that the set is
the same however many processes make it. Nothing of it is kept in the repository.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import multiprocessing
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import rdkit
from rdkit import Chem, RDConfig, rdBase
from rdkit.Chem import Descriptors, rdDepictor

from bench.site import ROOT

VERSION = 1
_SHARED = ROOT.parent / "shared" / "data"
_TABLES = ("esol.csv", "freesolv.csv", "lipophilicity.csv", "bace.csv", "bbbp.csv")
_FILES = ("solubility.train.sdf", "solubility.test.sdf")
_LEAST_ATOMS, _MOST_ATOMS = 12, 50
_VARIANTS = 12
_SUBSTITUENTS = (
    *("F", "Cl", "Br", "C", "CC", "C(C)C", "C1CC1", "OC", "O", "N", "NC", "N(C)C", "C#N", "C(F)(F)F"),
    *("OC(F)(F)F", "C(=O)N", "C(=O)O", "C(=O)NC", "NC(C)=O", "S(C)(=O)=O", "N1CCOCC1", "c1ccccc1"),
)
#: A title's width: records of one file differ in nothing else, so parts of it can be copied.
TITLE = "M{:09d}"
_END = b"$$$$\n"


def default_cache() -> Path:
    """Where made files are kept: nothing in it is more than time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "molfleet" / "bench"


def parents() -> list[str]:
    """Canonical SMILES of the public molecules of drug-like size, each once, in a fixed order."""
    with rdBase.BlockLogs():
        found = (Chem.MolFromSmiles(smiles) for smiles in _public())
        return list(
            dict.fromkeys(
                Chem.MolToSmiles(mol)
                for mol in found
                if mol is not None and _LEAST_ATOMS <= mol.GetNumAtoms() <= _MOST_ATOMS
            )
        )


def _public() -> Iterator[str]:
    for name in _TABLES:
        if (_SHARED / name).exists():
            with (_SHARED / name).open(encoding="utf-8", newline="") as file:
                yield from (row["smiles"] for row in csv.DictReader(file))
    for name in _FILES:
        if (_SHARED / name).exists():
            yield from (Chem.MolToSmiles(mol) for mol in Chem.SDMolSupplier(str(_SHARED / name)) if mol)
    wheel = (
        Path(RDConfig.RDContribDir) / "FreeWilson" / "data" / "CHEMBL2321810.smi",
        Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi",
    )
    for path in wheel:
        yield from (line.split()[0] for line in path.read_text("utf-8").splitlines() if line.strip())


def variants(parent: str, count: int) -> list[str]:
    """Distinct canonical SMILES: the parent, then up to `count` molecules with substituents put on it."""
    draw = random.Random(parent)
    found = {parent: None}
    for number in range(count):
        made = _substituted(parent, draw, 1 + number % 2)
        if made is not None:
            found[made] = None
    return list(found)


def _substituted(parent: str, draw: random.Random, times: int) -> str | None:
    smiles = parent
    for _ in range(times):
        mol = Chem.RWMol(Chem.MolFromSmiles(smiles))
        places = [a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() == "C" and _has_free_hydrogen(a)]
        if not places:
            return None
        atoms = mol.GetNumAtoms()
        mol.InsertMol(Chem.MolFromSmiles(draw.choice(_SUBSTITUENTS)))
        mol.AddBond(draw.choice(places), atoms, Chem.BondType.SINGLE)
        if Chem.SanitizeMol(mol, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
        smiles = Chem.MolToSmiles(mol)
    return smiles


def _has_free_hydrogen(atom: Chem.Atom) -> bool:
    return bool(atom.GetNumImplicitHs()) and not atom.GetNoImplicit()


def record(smiles: str) -> bytes | None:
    """An SD record with 2D coordinates and three properties; its title is TITLE of 0.

    None where RDKit does not read its own block.
    """
    mol = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(mol)
    mol.SetProp("_Name", TITLE.format(0))
    block = Chem.MolToMolBlock(mol)
    if Chem.MolFromMolBlock(block) is None:
        return None
    weight = Descriptors.MolWt(mol)  # type: ignore[attr-defined]
    properties = {"SMILES": smiles, "MW": f"{weight:.2f}", "ATOMS": str(mol.GetNumAtoms())}
    fields = "".join(f">  <{name}>\n{value}\n\n" for name, value in properties.items())
    return block.encode() + fields.encode() + _END


def family(parent: str) -> list[tuple[str, bytes]]:
    """(SMILES, SD record) of a parent and its variants."""
    with rdBase.BlockLogs():
        made = ((smiles, record(smiles)) for smiles in variants(parent, _VARIANTS))
        return [(smiles, one) for smiles, one in made if one is not None]


def distinct(families: Iterable[list[tuple[str, bytes]]]) -> Iterator[bytes]:
    """The records of all, one for each SMILES."""
    seen: set[str] = set()
    for each in families:
        for smiles, one in each:
            if smiles not in seen:
                seen.add(smiles)
                yield one


def base_file(count: int, cache: Path) -> Path:
    """An SD file of `count` distinct molecules, made with all cores if the cache lacks it."""
    public = parents()
    made_of = repr((VERSION, rdkit.__version__, _SUBSTITUENTS, _VARIANTS, public))
    path = cache / f"molecules-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}-{count}.sdf"
    if path.exists():
        return path
    random.Random(VERSION).shuffle(public)
    with multiprocessing.get_context("spawn").Pool() as pool:
        return _write(path, distinct(pool.imap(family, public, 4)), count)


def many_file(base: Path, count: int, cache: Path) -> Path:
    """An SD file of `count` records: those of `base` over and over, each with a title of its own."""
    path = cache / f"{base.stem}-x{count}.sdf"
    if path.exists():
        return path
    blocks = base.read_bytes().split(_END)[:-1]
    return _write(path, (blocks[number % len(blocks)] + _END for number in range(count)), count)


def _write(path: Path, records: Iterable[bytes], count: int) -> Path:
    """Raises ValueError if there are not so many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    written = 0
    with aside.open("wb") as file:
        for number, one in enumerate(records):
            file.write(TITLE.format(number).encode() + one[one.index(b"\n") :])
            written = number + 1
            if written == count:
                break
    if written < count:
        aside.unlink()
        raise ValueError(f"the public sets give {written:,} molecules, not {count:,}")
    aside.replace(path)
    return path


def lattice(sides: Sequence[int], symbol: str) -> Chem.Mol:
    """Atoms of one element in a grid, each bound to its neighbours: small, and hard on path searches.

    9 x 10 carbons take MACCS 0.8 s; 3 x 5 x 6 sulphur atoms take it longer than anybody waited.
    """
    mol = Chem.RWMol()
    places = list(itertools.product(*(range(side) for side in sides)))
    number = {place: mol.AddAtom(Chem.Atom(symbol)) for place in places}
    for place in places:
        for axis in range(len(sides)):
            next_one = (*place[:axis], place[axis] + 1, *place[axis + 1 :])
            if next_one in number:
                mol.AddBond(number[place], number[next_one], Chem.BondType.SINGLE)
    mol.UpdatePropertyCache(strict=False)
    return mol


def with_molecule(source: Path, mol: Chem.Mol, target: Path) -> Path:
    """A copy of an SD file with one more record in its middle, without coordinates."""
    data = source.read_bytes()
    middle = data.index(_END, len(data) // 2) + len(_END)
    block = Chem.MolToMolBlock(mol, kekulize=False, includeStereo=False).encode()
    target.write_bytes(data[:middle] + block + _END + data[middle:])
    return target
