from __future__ import annotations

import csv
from pathlib import Path

import pytest

from molfleet.chemistry.records import Reject, open_records, parse
from molfleet.chemistry.rejects import COLUMNS, RejectsFile
from tests.unit.chemistry.samples import sdf_of, write

BROKEN = "broken\r\n\r\n\r\n 99 99\r\n> <A>\r\nS\xe4ure\r\n\r\n$$$$ and more\r\n".encode("latin-1")
BLANK = b"$$$$\n"
GOOD = sdf_of("CCO").encode()


def rejects_of(path: Path, directory: Path, *, blocks: bool = True) -> RejectsFile:
    with RejectsFile(directory / "rejects.csv", blocks=blocks) as rejects:
        for raw in open_records(path):
            parsed = parse(raw)
            rejects.append([parsed] if isinstance(parsed, Reject) else [])
    return rejects


def test_rejected_sd_records_are_kept_byte_for_byte_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", GOOD + BROKEN + GOOD + BLANK + BROKEN)
    rejects = rejects_of(path, tmp_path)
    assert rejects.blocks_path == tmp_path / "rejects.sdf"
    assert rejects.blocks_path.read_bytes() == BROKEN + BLANK + BROKEN
    rows = list(csv.reader(rejects.path.read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [row[0] for row in rows[1:]] == ["1", "3", "4"]


@pytest.mark.parametrize(
    ("tail", "added"),
    [
        (b"x\n\n\n 9 9\n", b"$$$$\n"),
        (b"x\n\n\n 9 9", b"\n$$$$\n"),
        (b"x\r\n\r\n\r\n 9 9", b"\r\n$$$$\r\n"),
        (b"x\n\n\n 9 9\n$$$$", b"\n"),
    ],
)
def test_an_unterminated_last_record_is_ended_in_the_rejects(
    tmp_path: Path, tail: bytes, added: bytes
) -> None:
    rejects = rejects_of(write(tmp_path, "a.sdf", GOOD + tail), tmp_path)
    assert rejects.blocks_path is not None
    assert rejects.blocks_path.read_bytes() == tail + added


def test_the_rejects_of_an_sd_file_can_be_sent_again(tmp_path: Path) -> None:
    first = rejects_of(write(tmp_path, "a.sdf", BROKEN + GOOD + BLANK + BROKEN.rstrip()), tmp_path)
    assert first.blocks_path is not None
    (tmp_path / "again").mkdir()
    second = rejects_of(first.blocks_path, tmp_path / "again")
    assert second.count == first.count == 3
    assert second.blocks_path is not None
    assert second.blocks_path.read_bytes() == first.blocks_path.read_bytes()


@pytest.mark.parametrize("name", ["a.csv", "a.smi"])
def test_other_input_and_input_without_rejects_have_no_blocks(tmp_path: Path, name: str) -> None:
    rejects = rejects_of(write(tmp_path, name, "smiles,y\nC1CC,1\n"), tmp_path)
    assert (rejects.count, rejects.blocks_path) == (1, None)
    assert rejects_of(write(tmp_path, "b.sdf", GOOD), tmp_path).blocks_path is None
    assert rejects_of(write(tmp_path, "c.sdf", BROKEN), tmp_path, blocks=False).blocks_path is None
    assert not (tmp_path / "rejects.sdf").exists()
