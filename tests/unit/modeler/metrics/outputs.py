"""Predictions with ties, as trees give them."""

from __future__ import annotations

from typing import Any

import numpy as np


def classes(seed: int, rows: int, count: int) -> tuple[Any, Any]:
    """Class numbers, each at least once, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    actual = rng.permutation(np.append(np.arange(count), rng.integers(0, count, rows - count)))
    raw = np.round(rng.random((rows, count)), 1) + 0.05
    raw[np.arange(rows), actual] += np.round(rng.random(rows), 1)
    return actual, raw / raw.sum(axis=1, keepdims=True)


def numbers(seed: int, rows: int) -> tuple[Any, Any]:
    """Values and predictions, some of them equal."""
    rng = np.random.default_rng(seed)
    actual = np.round(rng.normal(5, 1, rows), 1)
    return actual, np.round(0.8 * actual + rng.normal(0, 0.7, rows), 1).reshape(-1, 1)
