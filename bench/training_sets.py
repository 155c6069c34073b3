"""The public sets of bench.training, curated by TrainModel's own code, their features computed once."""

from __future__ import annotations

import csv
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rdkit
from numpy.typing import NDArray

from bench.site import ROOT
from molfleet.bundles.features import Featurization, Toolbox
from molfleet.chemistry.featurizers import SpecValue
from molfleet.chemistry.records import open_records
from molfleet.chemistry.scaffolds import scaffold_of
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Matrix, Task
from workers.modeler.curation import Curated, Measured, Rules, curate
from workers.modeler.dataset import Dataset, Fields, read_dataset
from workers.modeler.splits import Partition, Samples, find_split

SHARED = ROOT.parent / "shared" / "data"
#: TrainModel's own default.
STANDARDIZE = "parent-neutral"
TEST_SET_SIZE, K_FOLD = 0.2, 5
_RECORD_TIME_LIMIT_S = 60.0

#: name in results and tables -> the featurizers behind each other.
FEATURES: Mapping[str, tuple[SpecValue, ...]] = {
    "ECFP": (SpecValue("ECFP", 2048, 2),),
    "ECFC": (SpecValue("ECFC", 2048, 2),),
    "DESC": (SpecValue("DESC"),),
    "ECFC+DESC": (SpecValue("ECFC", 2048, 2), SpecValue("DESC")),
    "ECFP+DESC": (SpecValue("ECFP", 2048, 2), SpecValue("DESC")),
}
_SPECS = (SpecValue("ECFP", 2048, 2), SpecValue("ECFC", 2048, 2), SpecValue("DESC"))


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A file with a SMILES column and a measured one."""

    name: str
    file: str
    target: str
    task: Task

    @property
    def path(self) -> Path:
        return SHARED / self.file

    @property
    def score(self) -> str:
        return "RMSE" if self.task == REGRESSION else "AUC"


SETS: Mapping[str, PublicSet] = {
    one.name: one
    for one in (
        PublicSet("freesolv", "freesolv.csv", "dG_hyd", REGRESSION),
        PublicSet("esol", "esol.csv", "logS", REGRESSION),
        PublicSet("bace", "bace.csv", "Class", CLASSIFICATION),
        PublicSet("bbbp", "bbbp.csv", "p_np", CLASSIFICATION),
        PublicSet("lipophilicity", "lipophilicity.csv", "logD", REGRESSION),
        PublicSet("bace-pic50", "bace.csv", "pIC50", REGRESSION),
    )
}
#: The five sets of the figures; the sixth is the same molecules as bace and runs when it is named.
FIVE = tuple(name for name in SETS if name != "bace-pic50")


@dataclass(frozen=True)
class Material:
    """One set as TrainModel would learn from it: one value per standardized molecule."""

    of: PublicSet
    dataset: Dataset
    curated: Curated
    tools: Toolbox

    @property
    def values(self) -> NDArray[Any]:
        """Numbers, or classes 0 and 1 (of two, 1 is the positive one)."""
        return self.curated.values

    @cached_property
    def smiles(self) -> Sequence[str]:
        """Standardized canonical SMILES, one per molecule."""
        return [self.dataset.measured[row].molecule for row in self.curated.rows]

    @cached_property
    def samples(self) -> Samples:
        curated = self.curated
        return Samples(
            curated.task,
            curated.values,
            curated.molecules,
            self.smiles,
            self.ecfp4,
            scaffolds=[scaffold_of(smiles) for smiles in self.smiles],
        )

    @property
    def ecfp4(self) -> NDArray[np.uint8]:
        """Packed, uint8 (molecules, 256)."""
        return self.dataset.ecfp4[self.curated.rows]

    def partition(self, split: str, seed: int) -> Partition:
        return find_split(split).partition(self.samples, TEST_SET_SIZE, K_FOLD, seed)

    def dataset_of(self, features: str) -> Dataset:
        """The dataset as if it had been read with these featurizers alone."""
        chosen = [self.dataset.packed[_SPECS.index(spec)] for spec in FEATURES[features]]
        return Dataset(
            self.dataset.measured, chosen, self.dataset.ecfp4, self.dataset.rejects, self.dataset.records
        )

    def features(self, name: str) -> Matrix:
        """float32 (molecules, features); gaps are NaN."""
        return self.dataset_of(name).features(self.curated.rows, FEATURES[name], self.tools)

    def continuous(self, name: str) -> NDArray[np.bool_]:
        """Which of the features are no bits and counts of fingerprints."""
        built = [self.tools.featurizer(self.tools.add(spec)) for spec in FEATURES[name]]
        return np.concatenate([np.full(one.size, one.kind == "descriptors") for one in built])

    def digest(self, partition: Partition) -> str:
        """Names molecules, values and who is tested: results of another split are not these."""
        digest = hashlib.sha256("\n".join(self.smiles).encode())
        digest.update(np.asarray(self.values, np.float64).tobytes())
        digest.update(partition.test.tobytes())
        return digest.hexdigest()[:12]


def read(public: PublicSet, processes: int, most: int | None = None, cache: Path | None = None) -> Material:
    """Raises FileNotFoundError where the set is not on this machine.

    `most`: so many records at most, drawn by lot, for a quick look. `cache` keeps the features, which
    cost more than all else here; curation is done anew.
    """
    if not public.path.exists():
        raise FileNotFoundError(f"{public.path.name} is not in {SHARED.parent.name}/{SHARED.name}")
    tools = Toolbox()
    featurization = Featurization(STANDARDIZE, tuple(tools.add(spec) for spec in _SPECS))
    with tempfile.TemporaryDirectory(prefix="molfleet-bench-") as name:
        source = _some(public.path, most, Path(name)) if most else public.path
        made_of = repr((source.read_bytes(), public.target, featurization, rdkit.__version__))
        kept = cache and cache / f"{public.name}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}.npz"
        if kept is not None and kept.exists():
            dataset = _unpacked(kept)
        else:
            records = open_records(
                source, "csv", "smiles", scratch=Path(name), max_bytes=source.stat().st_size + 1
            )
            wanted = Fields(public.target)
            dataset = read_dataset(
                records, wanted, featurization, tools, processes, _RECORD_TIME_LIMIT_S, lambda *_: None
            )
            if kept is not None:
                _pack(dataset, kept)
    return Material(public, dataset, curate(dataset.measured, Rules(public.target, public.task)), tools)


_FIELDS = ("record", "line", "title", "molecule", "text")


def _pack(dataset: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {name: np.array([getattr(each, name) for each in dataset.measured]) for name in _FIELDS}
    packed = {f"packed:{number}": array for number, array in enumerate(dataset.packed)}
    aside = path.with_suffix(f".{os.getpid()}.npz")
    arrays = {**told, **packed, "ecfp4": dataset.ecfp4, "records": np.array(dataset.records)}
    np.savez(aside, **arrays)  # type: ignore[arg-type]
    aside.replace(path)


def _unpacked(path: Path) -> Dataset:
    """What was kept, but for the rejects."""
    with np.load(path) as arrays:
        columns = [arrays[name].tolist() for name in _FIELDS]
        packed = [arrays[f"packed:{number}"] for number in range(len(_SPECS))]
        measured = [Measured(*row) for row in zip(*columns, strict=True)]
        return Dataset(measured, packed, arrays["ecfp4"], (), int(arrays["records"]))


def _some(path: Path, most: int, directory: Path) -> Path:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    picked = np.random.default_rng(0).permutation(len(rows))[:most]
    some = directory / path.name
    with some.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *(rows[place] for place in sorted(picked))])
    return some
