"""One short name for everything that a fit follows from. What is new in a dataclass is in it by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

import numpy as np

from workers.modeler.algorithms.base import Algorithm
from workers.modeler.ensembles.base import Ensemble
from workers.modeler.preparation import Scaler
from workers.modeler.splits import Split

#: Rows of catalogues: their code stands for what they do, together with the versions of the libraries.
_ROWS = (Algorithm, Ensemble, Scaler, Split)


def digest_of(*values: object) -> str:
    """16 hexadecimal digits; the same for equal values, in whichever process, order of mappings apart.

    Takes dataclasses, mappings, sequences, arrays, texts, numbers and None. Raises TypeError for others.
    """
    digest = hashlib.sha256()
    for piece in _pieces(values):
        digest.update(piece)
    return digest.hexdigest()[:16]


def _pieces(value: object) -> Iterator[bytes | memoryview]:
    """Every piece tells how long it is, so that no two values are the same bytes."""
    if isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape};".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    elif isinstance(value, str):
        yield f"text {len(value)} {value};".encode("utf-8", "surrogatepass")
    elif value is None or isinstance(value, (bool, int, float, np.generic)):
        yield f"{type(value).__name__} {value!r};".encode()
    elif isinstance(value, _ROWS):
        yield from _pieces((type(value).__name__, value.code))
    elif is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        yield from _pieces((type(value).__name__, own))
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)};".encode()
        for name in sorted(value):
            yield from _pieces((name, value[name]))
    elif isinstance(value, Sequence):
        yield f"sequence {len(value)};".encode()
        for one in value:
            yield from _pieces(one)
    else:
        raise TypeError(f"{type(value).__name__} has no digest")
