"""Inputs that are odd give in parts what they give in one piece."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from molfleet.errors import Code
from molfleet.messages.generated import (
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    FeaturizerSpec,
)
from tests.builders import blob, calculate_feature_vectors
from tests.harness import Fleet
from tests.unit.feature_vectors.conftest import Calculate
from tests.unit.feature_vectors.test_giant import files, settled

pytestmark = pytest.mark.worker

SMILES = ["CCO", "xyz", "c1ccccc1", "C1CC", "N", "CCl", "CC(=O)O"] * 3
ECFP = FeaturizerSpec(type="ECFP", size=64)


def blocks(title: str = "title", end: str = "\n") -> str:
    found = []
    for number, smiles in enumerate(SMILES):
        mol = Chem.MolFromSmiles(smiles)
        block = Chem.MolToMolBlock(mol) if mol else f"\n\n\nno counts {smiles}\nM  END\n"
        found.append(f"{title} {number}{block}> <dose>\n{number}\n\n$$$$\n")
    return "".join(found).replace("\n", end)


def table(end: str = "\n", title: str = "title") -> str:
    rows = [f'"{title} {number}",{smiles},{number}' for number, smiles in enumerate(SMILES)]
    return end.join(["name,smiles,dose", *rows, ""])


ODD: dict[str, Callable[[], bytes]] = {
    "crlf.sdf": lambda: blocks(end="\r\n").encode(),
    "cr.sdf": lambda: blocks(end="\r").encode(),
    "bom.sdf": lambda: b"\xef\xbb\xbf" + blocks().encode(),
    "latin.sdf": lambda: blocks("caf\xe9").encode("latin-1"),
    "cr-in-title.sdf": lambda: blocks("one\rtwo").encode(),
    "nul-in-title.sdf": lambda: blocks("one\0two").encode(),
    "unended.sdf": lambda: blocks().encode().removesuffix(b"$$$$\n"),
    "blank-end.sdf": lambda: blocks().encode() + b"\n \n\r\n",
    "crlf.csv": lambda: table("\r\n").encode(),
    "cr.csv": lambda: table("\r").encode(),
    "bom.csv": lambda: b"\xef\xbb\xbf" + table().encode(),
    "lines-in-cells.csv": lambda: table(title="one\ntwo").encode(),
    "cr-in-cells.csv": lambda: table(title="one\rtwo").encode(),
    "long-cells.csv": lambda: table(title="t" * 200_000).encode(),
    "stray-quote.csv": lambda: table().replace('4",', "4,").encode(),
    "blank-lines.csv": lambda: table("\n\n").encode(),
    "comments.smi": lambda: "".join(f"# {n}\n{s} one\rtwo\n\n" for n, s in enumerate(SMILES)).encode(),
    "header.smi": lambda: ("smiles name\n" + "".join(f"{s} {s}\n" for s in SMILES)).encode(),
    "long-title.smi": lambda: "".join(f"{s} {'t' * 200_000}\n" for s in SMILES).encode(),
    "huge-line.smi": lambda: "\n".join([*SMILES, "C" * (20 << 20), *SMILES]).encode(),
}


@pytest.mark.parametrize("name", ODD)
def test_parts_give_the_bytes_of_the_whole_of_odd_files(
    calculate: Calculate, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(ODD[name]())
    fields = {"featurizers": [ECFP], "carry_properties": ["*"]}
    whole = calculate(path, **fields)
    assert isinstance(whole.event, FeatureVectorsCalculated), whole.event
    parts = calculate(path, part_records=4, **fields)
    assert isinstance(parts.event, FeatureVectorsCalculated), parts.event
    assert files(parts) == files(whole)
    assert settled(parts) == settled(whole)


@pytest.mark.parametrize("nested_first", [False, True])
def test_parts_give_the_bytes_of_the_whole_of_a_parquet_file_of_many_types(
    calculate: Calculate, tmp_path: Path, nested_first: bool
) -> None:
    count = len(SMILES)
    columns = {
        "smiles": pa.array(SMILES),
        "name": pa.array([f"n{n}" for n in range(count)]).dictionary_encode(),
        "at": pa.array([dt.datetime(2020, 1, 1, 0, 0, n) for n in range(count)], pa.timestamp("ns")),
        "day": pa.array([dt.date(2020, 1, 1)] * count),
        "half": pa.array([n / 3 for n in range(count)], pa.float32()),
        "dose": pa.array([None if n % 5 == 0 else n for n in range(count)], pa.int64()),
        "price": pa.array([None] * count, pa.decimal128(10, 2)),
        "raw": pa.array([b"\xff\xfe"] * count, pa.binary()),
        "took": pa.array([n * 1000 for n in range(count)], pa.duration("us")),
        "none": pa.nulls(count),
    }
    nested = {"id": pa.array([[n] for n in range(count)], pa.list_(pa.int64()))}
    path = tmp_path / "input.parquet"
    pq.write_table(pa.table({**nested, **columns} if nested_first else columns), path, row_group_size=4)
    specs = [ECFP, FeaturizerSpec(type="COLUMNS", parameters={"numeric": ["dose", "half"]})]
    fields = {"featurizers": specs, "carry_properties": ["*"]}
    whole = calculate(path, **fields)
    assert isinstance(whole.event, FeatureVectorsCalculated), whole.event
    parts = calculate(path, part_records=5, **fields)
    assert isinstance(parts.event, FeatureVectorsCalculated), parts.event
    assert files(parts) == files(whole)
    assert settled(parts) == settled(whole)


async def test_a_table_too_wide_for_the_messages_of_its_parts_is_told_so(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, MOLFLEET_KAFKA_MAX_REQUEST_BYTES="30000")
    fleet.store.ensure_bucket("inputs")
    header = ",".join(["smiles", *(f"column_{number}" for number in range(3000))])
    fleet.store.put("inputs", "wide.csv", f"{header}\nCCO\nCCN\nCCC\n".encode())
    command = calculate_feature_vectors(source=blob("wide.csv"))
    sizes = {"split_records": 1, "part_records": 2}
    async with fleet.worker("workers.feature_vectors.handlers:HANDLERS", settings=sizes):
        await fleet.send(command)
        event = await fleet.outcome(command)
    assert isinstance(event, FeatureVectorsCalculationFailed)
    assert event.code == Code.RESULT_TOO_LARGE
