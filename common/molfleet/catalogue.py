"""One class for everything that a command can name: featurizers, algorithms, splits, metrics, formats."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from molfleet.errors import Code, Rejected


class Row(Protocol):
    """What a catalogue needs to know of a row: its wire code and its other names."""

    @property
    def code(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


R = TypeVar("R", bound=Row)


class Catalogue(Generic[R]):
    """An explicit tuple of rows, looked up by code or alias without regard to case.

    Two rows that answer to one name are a programming error, found when the catalogue is built.
    """

    def __init__(self, kind: str, rows: Iterable[R]) -> None:
        self.kind = kind
        self._rows = tuple(rows)
        self._by_name: dict[str, R] = {}
        for row in self._rows:
            for name in (row.code, *row.aliases):
                if self._by_name.setdefault(name.lower(), row) is not row:
                    raise ValueError(f"two rows of the {kind} catalogue answer to {name!r}")

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(row.code for row in self._rows)

    def get(self, name: str) -> R:
        """The row that answers to `name`; raises Rejected(UNKNOWN_NAME) with what exists."""
        try:
            return self._by_name[name.lower()]
        except KeyError:
            near = difflib.get_close_matches(name.lower(), self._by_name, n=1)
            hint = f" Did you mean {self._by_name[near[0]].code}?" if near else ""
            known = ", ".join(self.codes)
            raise Rejected(
                Code.UNKNOWN_NAME,
                f"There is no {self.kind} called {name!r}.{hint} Known: {known}.",
                details={"kind": self.kind, "name": name},
            ) from None
