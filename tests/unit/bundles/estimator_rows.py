"""Rows of fingerprints beside numbers, and the spaces in which estimators of our own compare them."""

from __future__ import annotations

from typing import Any

import numpy as np
from safetensors.numpy import load, save

from molfleet.bundles.estimators.space import Encoded, Space, grid_limit

COUNTED, NUMBERS = 40, 5
WIDTH = COUNTED + NUMBERS


def features(count: int, seed: int, most: int = 3) -> np.ndarray:
    """[count, WIDTH] float32: columns of counts up to `most`, then columns of numbers."""
    rng = np.random.default_rng(seed)
    counts = np.minimum(rng.poisson(rng.uniform(0.05, 1.5, COUNTED), (count, COUNTED)), most)
    return np.concatenate([counts, rng.normal(size=(count, NUMBERS))], axis=1).astype(np.float32)


def space(numbers: int = NUMBERS) -> Space:
    limit = grid_limit(numbers)
    return Space(
        width=WIDTH,
        fingerprint=np.arange(COUNTED, dtype=np.int32),
        continuous=np.arange(COUNTED, COUNTED + numbers, dtype=np.int32),
        center=np.zeros(numbers),
        scale=np.full(numbers, limit / 5.0),
    )


def encoded(count: int, seed: int, most: int = 3) -> Encoded:
    return space().encode(features(count, seed, most))


def changed(part: bytes, **arrays: Any) -> bytes:
    """The part with other arrays; None takes one away."""
    kept = {**load(part), **arrays}
    return bytes(save({name: array for name, array in kept.items() if array is not None}))
