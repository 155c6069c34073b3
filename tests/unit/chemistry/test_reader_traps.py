"""What a reader built on RDKit gets wrong, each on data of its own, with RDKit's supplier beside it.

The numbers are those of the list in ../shared/data/README.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem

from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.records import Parsed, Reject, open_records, parse
from molfleet.errors import Code, RecordCode, Rejected
from tests.unit.chemistry.samples import sdf_of, smiles_of, write

GOOD = sdf_of("CCO")
BAD_VALENCE = Chem.MolToMolBlock(Chem.MolFromSmiles("FC(F)(F)(F)F", sanitize=False), kekulize=False)


def forward(path: Path) -> list[str | None]:
    """What RDKit's own forward reader makes of the file."""
    silence()
    with path.open("rb") as file:
        return [mol and Chem.MolToSmiles(mol) for mol in Chem.ForwardSDMolSupplier(file)]


def test_1_blank_lines_behind_the_last_record_are_no_record(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", GOOD + "\n\n")
    assert forward(path) == ["CCO", None]
    assert smiles_of(path) == ["CCO"]


def test_2_an_impossible_last_record_without_its_end_is_a_record(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mol", BAD_VALENCE)
    assert forward(path) == []
    assert smiles_of(path) == [RecordCode.SANITIZATION_FAILED]


def test_3_an_error_in_a_record_does_not_swallow_the_next(tmp_path: Path) -> None:
    short = "short\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n$$$$\n"
    path = write(tmp_path, "a.sdf", GOOD + short + GOOD + GOOD)
    assert len(forward(path)) < 4
    assert smiles_of(path) == ["CCO", RecordCode.UNPARSABLE, "CCO", "CCO"]


def test_4_reading_ends_and_counts_alike_each_time_with_errors_logged(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", (GOOD + BAD_VALENCE + "$$$$\n") * 20)
    expected = ["CCO", RecordCode.SANITIZATION_FAILED] * 20
    assert [smiles_of(path) for _ in range(3)] == [expected] * 3


def test_5_a_latin_1_byte_in_a_value_a_tag_or_a_title_raises_nowhere(tmp_path: Path) -> None:
    text = sdf_of("CCO", fields={"Größe": "5 µm", "plain": "1"}).replace("molecule 0", "Säure")
    path = write(tmp_path, "a.sdf", text.encode("latin-1"))
    (mol,) = Chem.ForwardSDMolSupplier(path.open("rb"))
    with pytest.raises(UnicodeDecodeError):
        mol.GetPropsAsDict()
    records = open_records(path)
    (raw,) = records
    assert (raw.title, raw.properties) == ("Säure", {"Größe": "5 µm", "plain": "1"})
    assert records.property_names() == ("Größe", "plain")
    assert isinstance(parse(raw), Parsed)


def test_5_a_byte_that_is_not_utf_8_where_rdkit_quotes_it_is_a_reject_and_no_more(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = GOOD.encode().replace(b"  3  2  0", b"  3  2 \xa00").replace(b" O ", b" \xe9\xa0")
    path = write(tmp_path, "a.sdf", (bad + GOOD.encode()) * 5)
    assert smiles_of(path) == [RecordCode.UNPARSABLE, "CCO"] * 5
    assert smiles_of(write(tmp_path, "a.smi", b"C\xa0C x\nCCO\n")) == [RecordCode.UNPARSABLE, "CCO"]
    assert capfd.readouterr() == ("", "")


def test_6_an_empty_file_and_a_record_without_atoms_have_their_own_codes(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Invalid input file"):
        Chem.SDMolSupplier(str(write(tmp_path, "rdkit.sdf", "")))
    with pytest.raises(Rejected) as refused:
        open_records(write(tmp_path, "a.sdf", ""))
    assert refused.value.code is Code.NO_VALID_RECORDS
    path = write(tmp_path, "b.sdf", Chem.MolToMolBlock(Chem.Mol()) + "$$$$\n" + GOOD)
    assert forward(path) == ["", "CCO"]
    assert smiles_of(path) == [RecordCode.EMPTY_MOLECULE, "CCO"]


@pytest.mark.parametrize("value", ["nan", "<1.2", ">100", "1,234.5", "1.2 uM", "", "inf", "1e999"])
def test_7_a_value_that_is_no_number_is_kept_as_text_and_costs_nothing(tmp_path: Path, value: str) -> None:
    (raw,) = open_records(write(tmp_path, "a.sdf", sdf_of("CCO", fields={"IC50": value, "n": "1"})))
    assert raw.properties == {"IC50": value, "n": "1"}
    assert isinstance(parse(raw), Parsed)


REACTION = f"$RXN\n\n  RDKit\n\n  1  1\n$MOL\n{Chem.MolToMolBlock(Chem.MolFromSmiles('CCO'))}"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Chem.MolToMolBlock(Chem.MolFromSmiles("CCO")).replace("\n", "\r\n"), "CCO"),
        (Chem.MolToV3KMolBlock(Chem.MolFromSmiles("CCO")), "CCO"),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("*CC |$R1;;$|")), "*CC"),
        (REACTION, RecordCode.UNPARSABLE),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("[13CH4]")), "[13CH4]"),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("C[Mg]Br")), "[CH3][Mg][Br]"),
        (Chem.MolToV3KMolBlock(Chem.MolFromSmiles("*CC* |Sg:n:1,2::ht|")), "*CC*"),
    ],
    ids=["crlf", "v3000", "r-group", "reaction", "isotope", "organometallic", "polymer"],
)
def test_8_uncommon_records_are_read_or_refused_and_the_next_one_is_read(
    tmp_path: Path, block: str, expected: str | RecordCode
) -> None:
    path = write(tmp_path, "a.sdf", f"{block}$$$$\n{GOOD}")
    assert smiles_of(path) == [expected, "CCO"]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("\n$$$$\n", "The record is blank."),
        (GOOD.replace("molecule 0\n", "", 1), "counts line stands on line 3 of the record"),
        ("extra\n" + GOOD, "counts line stands on line 5 of the record"),
        (GOOD.replace("  3  2", "  4  2"), "4 atoms and 2 bonds; 3 lines of atoms"),
        (GOOD.replace("  3  2", "  3  3"), "3 atoms and 3 bonds; 3 lines of atoms and 2 lines of bonds"),
        (GOOD.replace(" O ", " Qq"), "Element 'Qq' not found"),
        (GOOD[: GOOD.index("M  END")] + "$$$$\n", "no M  END line"),
    ],
)
def test_a_reject_says_what_is_wrong_with_the_record(tmp_path: Path, block: str, said: str) -> None:
    raw, last = open_records(write(tmp_path, "a.sdf", block + GOOD))
    reject = parse(raw)
    assert isinstance(reject, Reject)
    assert said in reject.message
    assert reject.message.endswith(".")
    assert isinstance(parse(last), Parsed)
