"""Single results of a long benchmark, written as they come: one that was stopped goes on from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Key = Mapping[str, Any]


class Kept:
    """A file of JSON lines `{"key": {...}, "result": {...}}`; of equal keys the last line counts.

    Several processes may add to one file: a line is written by one call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._take(line)

    def _take(self, line: str) -> None:
        """A line that was cut off by a kill is none."""
        try:
            found = json.loads(line)
        except ValueError:
            return
        self._results[_name(found["key"])] = found["result"]

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Key) -> dict[str, Any] | None:
        return self._results.get(_name(key))

    def once(self, key: Key, measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The result that is kept, or else that of `measure`, which is kept from now on."""
        found = self.get(key)
        if found is None:
            found = dict(measure())
            self.put(key, found)
        return found

    def put(self, key: Key, result: Mapping[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + json.dumps({"key": key, "result": result}) + "\n")
        self._results[_name(key)] = dict(result)


def _name(key: Key) -> str:
    return json.dumps(key, sort_keys=True)
