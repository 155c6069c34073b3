"""Writes everything that follows from schemas/avro. Run: python -m molfleet.messages.generate [--check]"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from molfleet.messages import render
from molfleet.messages.schema import check_bounded, fingerprint, full_name, references, self_contained

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("types", "commands", "events")


def load(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The schemas of schemas/avro by folder, sorted by name; raises ValueError naming a bad file."""
    found = {}
    for folder in FOLDERS:
        found[folder] = [_read(path, folder) for path in sorted((root / folder).glob("*.avsc"))]
    return found


def _read(path: Path, folder: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    expected = f"molfleet.{folder}.{path.stem}"
    if full_name(schema) != expected:
        raise ValueError(f"{path} holds {full_name(schema)} instead of {expected}")
    for field in schema["fields"]:
        if not field.get("doc"):
            raise ValueError(f"{path}: field {field['name']} has no doc")
    return schema


def in_order_of_use(types: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The types, each after those that it is made of; raises ValueError for a type within itself."""
    by_name = {full_name(schema): schema for schema in types}
    ordered: dict[str, dict[str, Any]] = {}

    def place(name: str, within: tuple[str, ...]) -> None:
        if name in within:
            raise ValueError(f"{name} contains itself")
        if name in by_name and name not in ordered:
            for used in references(by_name[name]):
                place(used, (*within, name))
            ordered[name] = by_name[name]

    for name in by_name:
        place(name, ())
    return list(ordered.values())


def publish(schemas: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """File name -> text of the self-contained schemas of all messages and of their index.

    Raises ValueError where two messages have one fingerprint.
    """
    types = {full_name(schema): schema for schema in schemas["types"]}
    files: dict[str, str] = {}
    index: dict[str, str] = {}
    for schema in (*schemas["commands"], *schemas["events"]):
        whole = self_contained(schema, types)
        check_bounded(whole)
        name = f"{schema['name']}.avsc"
        if name in files:
            raise ValueError(f"two messages are called {schema['name']}")
        mark = fingerprint(whole)
        if mark in index:
            raise ValueError(f"{name} and {index[mark]} have one fingerprint, {mark}")
        index[mark] = name
        files[name] = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    ordered = sorted(index.items(), key=lambda item: item[1])
    files["index.json"] = json.dumps(dict(ordered), indent=2) + "\n"
    return files


def expected_files(root: Path) -> dict[Path, str]:
    """Every generated file, as it must be, by path."""
    schemas = load(root / "schemas" / "avro")
    published = publish(schemas)
    package = root / "common" / "molfleet" / "messages"
    messages = [*schemas["commands"], *schemas["events"]]
    files = {package / "generated.py": render.module(in_order_of_use(schemas["types"]), messages)}
    for folder in (root / "schemas" / "published", package / "data"):
        files.update({folder / name: text for name, text in published.items()})
    return files


def stale_files(root: Path) -> list[Path]:
    """Files that differ from what the schemas say, or that nothing generates any more."""
    expected = expected_files(root)
    stale = [path for path, text in expected.items() if _text(path) != text]
    for folder in {path.parent for path in expected if path.suffix != ".py"}:
        stale += [path for path in folder.glob("*") if path not in expected]
    return sorted(stale)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(root: Path) -> None:
    """Bring every generated file up to date, and remove what nothing generates any more."""
    expected = expected_files(root)
    for path in stale_files(root):
        if path in expected:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path], encoding="utf-8")
        else:
            path.unlink()


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write, or with --check only compare; returns the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m molfleet.messages.generate [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write(root)
        return 0
    stale = stale_files(root)
    for path in stale:
        print(f"stale: {path.relative_to(root)} (run `make generate`)", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
