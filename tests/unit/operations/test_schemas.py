"""The schemas that travel with the package are those that foreign programs need."""

from __future__ import annotations

import json
from pathlib import Path

import fastavro

from molfleet.messages.generated import ALL_RECORDS
from molfleet.operations.schemas import export, published


def test_every_message_has_its_schema_and_nothing_else_has() -> None:
    names = {f"{one.schema['namespace']}.{one.name}" for one in published()}
    assert names == set(ALL_RECORDS)


def test_what_is_exported_is_read_by_fastavro_alone(tmp_path: Path) -> None:
    paths = export(tmp_path / "schemas")
    index = json.loads((tmp_path / "schemas" / "index.json").read_text())
    assert len(paths) == len(index) + 1
    for fingerprint, file in index.items():
        schema = json.loads((tmp_path / "schemas" / file).read_text())
        fastavro.parse_schema(schema)
        canonical = fastavro.schema.to_parsing_canonical_form(schema)
        # fastavro gives the CRC as a number in hex; the wire has its bytes in little-endian order.
        crc = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
        assert fingerprint in (crc, bytes.fromhex(crc)[::-1].hex())
