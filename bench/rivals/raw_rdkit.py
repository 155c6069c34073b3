"""`python -m bench.rivals.raw_rdkit FILE START END SUPPLIER WORK [FORM]`: RDKit and nothing else.

One process over the records of an SD file from byte START to END: parse, do the work, throw away. It is
started once for each core, with ranges that end with a record (`ranges`). Nothing is kept, written or
counted but molecules; a record that cannot be read is passed over.
"""

from __future__ import annotations

import io
import json
import mmap
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors, rdFingerprintGenerator
from rdkit.Chem.MolStandardize import rdMolStandardize

_END = b"$$$$\n"
_PART = 2**20

Work = Callable[[Chem.Mol], object]


def ranges(path: Path, parts: int) -> list[tuple[int, int]]:
    """About equal byte ranges that each end with a record."""
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cuts = [0]
        for number in range(1, parts):
            at = data.find(_END, max(size * number // parts, cuts[-1]))
            cuts.append(size if at < 0 else at + len(_END))
    return list(zip(cuts, [*cuts[1:], size], strict=True))


def forward(path: Path, start: int, end: int) -> Iterator[Chem.Mol | None]:
    """ForwardSDMolSupplier over the bytes of the range, all in memory."""
    with path.open("rb") as file:
        file.seek(start)
        yield from Chem.ForwardSDMolSupplier(io.BytesIO(file.read(end - start)))


def set_data(path: Path, start: int, end: int) -> Iterator[Chem.Mol | None]:
    """SDMolSupplier over the text of the range, a part of it at a time."""
    for part in _parts(path, start, end):
        supplier = Chem.SDMolSupplier()
        supplier.SetData(part.decode())
        yield from supplier


def blocks(path: Path, start: int, end: int) -> Iterator[Chem.Mol | None]:
    """MolFromMolBlock on each record, split by Python: properties are not looked at."""
    for part in _parts(path, start, end):
        for block in part.split(_END)[:-1]:
            yield Chem.MolFromMolBlock(block)


def _parts(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The range in pieces of whole records."""
    with path.open("rb") as file:
        file.seek(start)
        left, rest = end - start, b""
        while left:
            piece = file.read(min(_PART, left))
            left -= len(piece)
            rest += piece
            cut = rest.rfind(_END) + len(_END)
            yield rest[:cut]
            rest = rest[cut:]


#: Not SDMolSupplier on the file itself, told where a range's records are: it takes no place beyond 2 GiB.
SUPPLIERS: dict[str, Callable[[Path, int, int], Iterable[Chem.Mol | None]]] = {
    "ForwardSDMolSupplier": forward,
    "SDMolSupplier.SetData": set_data,
    "MolFromMolBlock": blocks,
}


def ecfp() -> Work:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return generator.GetFingerprint


def identified() -> Work:
    fingerprint, inchikey = ecfp(), cast(Work, Chem.MolToInchiKey)

    def work(mol: Chem.Mol) -> object:
        return fingerprint(mol), Chem.MolToSmiles(mol), inchikey(mol)

    return work


def described() -> Work:
    return Descriptors.CalcMolDescriptors


def _cleaner() -> Callable[[Chem.Mol], None]:
    metals, normalizer = rdMolStandardize.MetalDisconnector(), rdMolStandardize.Normalizer()
    reionizer = rdMolStandardize.Reionizer()

    def clean(mol: Chem.Mol) -> None:
        Chem.SanitizeMol(mol)
        metals.DisconnectInPlace(mol)
        normalizer.normalizeInPlace(mol)
        reionizer.reionizeInPlace(mol)
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)

    return clean


def standardizer(level: str) -> Callable[[Chem.Mol], Chem.Mol]:
    """By hand, the objects made once and used in place: as fast as RDKit's Python allows."""
    clean, largest = _cleaner(), rdMolStandardize.LargestFragmentChooser()
    uncharger, tautomers = rdMolStandardize.Uncharger(), rdMolStandardize.TautomerEnumerator()

    def standardize(mol: Chem.Mol) -> Chem.Mol:
        mol = Chem.RemoveHs(mol) if mol.GetNumAtoms() != mol.GetNumHeavyAtoms() else mol
        clean(mol)
        atoms = mol.GetNumAtoms()
        largest.chooseInPlace(mol)
        if mol.GetNumAtoms() != atoms:
            Chem.GetSymmSSSR(mol)
        if level == "parent":
            return mol
        uncharger.unchargeInPlace(mol)
        clean(mol)
        return mol if level == "parent-neutral" else tautomers.Canonicalize(mol)

    return standardize


def convenient(level: str) -> Callable[[Chem.Mol], Chem.Mol]:
    """By the functions that RDKit's documentation shows."""
    if level == "parent":
        return _with_rings(rdMolStandardize.FragmentParent)
    if level == "parent-neutral":
        return rdMolStandardize.ChargeParent
    tautomers = rdMolStandardize.TautomerEnumerator()
    return lambda mol: tautomers.Canonicalize(rdMolStandardize.ChargeParent(mol))


def _with_rings(standardize: Callable[[Chem.Mol], Chem.Mol]) -> Callable[[Chem.Mol], Chem.Mol]:
    """FragmentParent forgets the rings where it removes atoms, and fingerprints need them."""

    def standardized(mol: Chem.Mol) -> Chem.Mol:
        atoms = mol.GetNumAtoms()
        mol = standardize(mol)
        if mol.GetNumAtoms() != atoms:
            Chem.GetSymmSSSR(mol)
        return mol

    return standardized


def _after(make: Callable[[str], Callable[[Chem.Mol], Chem.Mol]], level: str) -> Work:
    fingerprint, standardize = ecfp(), make(level)
    return lambda mol: fingerprint(standardize(mol))


WORKS: dict[str, Callable[[], Work]] = {"ecfp": ecfp, "identified": identified, "descriptors": described}
for _level in ("parent", "parent-neutral", "tautomer"):
    WORKS[_level] = partial(_after, standardizer, _level)
    WORKS[f"{_level}, convenience"] = partial(_after, convenient, _level)


def run(molecules: Iterable[Chem.Mol | None], work: Work) -> int:
    """How many molecules it was done to."""
    done = 0
    for mol in molecules:
        if mol is not None:
            work(mol)
            done += 1
    return done


def main(arguments: Sequence[str]) -> None:
    path, start, end, supplier, name = arguments
    rdBase.DisableLog("rdApp.*")
    work = WORKS[name]()
    work(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    count = run(SUPPLIERS[supplier](Path(path), int(start), int(end)), work)
    print(json.dumps({"count": count, "began": began, "ended": time.monotonic()}))


if __name__ == "__main__":
    main(sys.argv[1:])
