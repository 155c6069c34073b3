"""Files that nobody has seen: whatever is done to a small valid one, every record is accounted for."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molfleet.chemistry.records import Parsed, Records, Reject, open_records, parse
from molfleet.errors import Code, RecordCode, Rejected
from tests.unit.chemistry.samples import sdf_of, write

SEEDS = {
    "sdf": sdf_of("CCO", "c1ccccc1", "CC(=O)O", fields={"logS": "-1.5", "Note": "two\nlines"}).encode(),
    "mol": Chem.MolToV3KMolBlock(Chem.MolFromSmiles("C[C@H](N)C(=O)O")).encode(),
    "csv": b'id,smiles,note\n1,CCO,"a, b\nc"\n2,c1ccccc1,x\n3,CC(=O)O,5" pipe\n',
    "smi": b"# made\nCCO ethanol\nc1ccccc1\tbenzene\nCC |$R;$| x\n",
}
SNIPPETS = [
    b"$$$$\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b'"',
    b",",
    b"\t",
    b"\xff",
    b"\xef\xbb\xbf",
    b"M  END\n",
]
SNIPPETS += [b"999999999", b"-1", b"\n\n\n", b"> <A>\n", b"V3000", b"$RXN\n", b" ", b"[", b"C" * 200]

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "insert", "flip", "truncate", "repeat"]),
        st.integers(0, 2000),
        st.integers(0, 400),
        st.sampled_from(SNIPPETS),
    ),
    min_size=1,
    max_size=6,
)


def edited(data: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, at, length, snippet in edits:
        at %= len(data) + 1
        end = min(at + length, len(data))
        if kind == "cut":
            data = data[:at] + data[end:]
        elif kind == "insert":
            data = data[:at] + snippet + data[at:]
        elif kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << length % 8)]) + data[at + 1 :]
        elif kind == "truncate":
            data = data[:at]
        elif kind == "repeat":
            data = data[:end] + data[at:end] + data[end:]
    return data


def opened(path: Path, file_type: str | None) -> tuple[Records | None, str]:
    """The records, or why the file is refused."""
    try:
        return open_records(path, file_type, scratch=path.parent), ""
    except Rejected as refused:
        return None, refused.message


def naive_count(data: bytes) -> int:
    """Records of an SD file by another way than ours: line by line."""
    count, pending = 0, False
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        pending = pending or bool(line.strip())
        if line.startswith(b"$$$$"):
            count, pending = count + 1, False
    return count + pending


@SETTINGS
@given(kind=st.sampled_from(sorted(SEEDS)), edits=EDITS)
def test_every_record_of_a_spoilt_file_is_a_molecule_or_a_reject_with_a_sentence(
    tmp_path: Path, kind: str, edits: list[tuple[str, int, int, bytes]]
) -> None:
    data = edited(SEEDS[kind], edits)
    path = write(tmp_path, f"a.{kind}", data)
    records, refused = opened(path, kind)
    if records is None:
        assert re.search(r"\w.*\.$", refused)
        return
    raws = list(records)
    assert [raw.record for raw in raws] == list(range(len(raws)))
    last_line = 0
    for raw in raws:
        assert raw.line > last_line
        last_line = raw.line
        assert all(isinstance(value, str) for item in raw.properties.items() for value in item)
        result = parse(raw)
        if isinstance(result, Reject):
            assert isinstance(result.code, RecordCode)
            assert len(result.message) > 10
            assert result.message.endswith(".")
        else:
            assert isinstance(result, Parsed)
            assert result.mol.GetNumAtoms()
    if kind in ("sdf", "mol") and not (b"\r" in data and b"\n" not in data):
        assert len(raws) == naive_count(data)


@SETTINGS
@given(edits=EDITS)
def test_the_name_alone_never_makes_a_spoilt_file_raise(
    tmp_path: Path, edits: list[tuple[str, int, int, bytes]]
) -> None:
    for kind, seed in SEEDS.items():
        path = write(tmp_path, f"a.{kind}" if edits[0][1] % 2 else "upload", edited(seed, edits))
        raws = list(opened(path, None)[0] or ())
        assert [raw.record for raw in raws] == list(range(len(raws)))


@pytest.mark.parametrize("at", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("how", ["cut", "flip"])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, how: str, at: float) -> None:
    table = pa.table({"smiles": ["C" * (n % 30 + 1) for n in range(5000)], "n": list(range(5000))})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, compression="zstd", row_group_size=1000, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    begin = int(len(data) * at)
    data[begin : begin + 50] = b"" if how == "cut" else bytes(50)
    path.write_bytes(data)
    with pytest.raises(Rejected, match=r"a\.parquet (is damaged|cannot be read)") as refused:
        [raw.properties for raw in open_records(path)]
    assert refused.value.code is Code.UNREADABLE_FILE
