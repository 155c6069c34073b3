"""Whether the schemas may be released. Run: python -m molfleet.messages.compatibility

Every published schema must read, and be read by, each released version of itself (FULL_TRANSITIVE), no
released message may go, and a fingerprint means one schema for ever. Needs PyPI `avro` (development).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import Schema as AvroSchema
from avro.schema import parse

from molfleet.messages.generate import ROOT
from molfleet.messages.schema import Schema, fingerprint, full_name


def without_docs(schema: Schema) -> Schema:
    """The schema without the text that is for people only."""
    if isinstance(schema, list):
        return [without_docs(branch) for branch in schema]
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if key != "doc"}
        for key in ("type", "items", "values"):
            if key in kept:
                kept[key] = without_docs(kept[key])
        if isinstance(kept.get("fields"), list):
            kept["fields"] = [without_docs(field) for field in kept["fields"]]
        return kept
    return schema


def read_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """The self-contained schemas of a folder by full name."""
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.avsc"))]
    return {full_name(schema): schema for schema in schemas}


def faults(current: dict[str, dict[str, Any]], released: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """One sentence for each breach; `released` holds the schemas of each version by full name."""
    found = []
    for version, schemas in released.items():
        for name, schema in schemas.items():
            if name not in current:
                found.append(f"{name} of {version} is gone")
            else:
                found += [f"{name} {text} {version}" for text in _incompatible(current[name], schema)]
    return found + _collisions({"the current version": current, **released})


def _incompatible(current: dict[str, Any], released: dict[str, Any]) -> Iterator[str]:
    new, old = parse(json.dumps(current)), parse(json.dumps(released))
    if problem := _problem(reader=new, writer=old):
        yield f"cannot read values ({problem}) of"
    if problem := _problem(reader=old, writer=new):
        yield f"cannot be read ({problem}) by readers of"


def _problem(*, reader: AvroSchema, writer: AvroSchema) -> str | None:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return None
    return f"{'; '.join(sorted(result.messages))}; at {', '.join(sorted(result.locations))}"


def _collisions(versions: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """Fingerprints ignore default, logicalType and other attributes: what differs there alone collides."""
    seen: dict[str, tuple[str, Schema]] = {}
    found = []
    for version, schemas in versions.items():
        for name, schema in schemas.items():
            mark, meaning = fingerprint(schema), without_docs(schema)
            first, known = seen.setdefault(mark, (f"{name} of {version}", meaning))
            if known != meaning:
                found.append(f"{name} of {version} differs from {first} under one fingerprint, {mark}")
    return found


def main(root: Path = ROOT) -> int:
    """Print every breach; returns the exit code."""
    folders = sorted(path for path in (root / "schemas" / "released").iterdir() if path.is_dir())
    released = {folder.name: read_folder(folder) for folder in folders}
    found = faults(read_folder(root / "schemas" / "published"), released)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
