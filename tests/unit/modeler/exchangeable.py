"""Molecules that are drawn alike: families of fingerprints, each with a noise of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FAMILIES, BITS = 50, 12


@dataclass(frozen=True)
class Drawn:
    """`values` and `outputs` differ by noise; `folds` 0..4 by lot; `ecfp4` uint8 [n, 256]."""

    values: np.ndarray
    outputs: np.ndarray
    folds: np.ndarray
    ecfp4: np.ndarray


def regression(
    rng: np.random.Generator, count: int, *, families: int = FAMILIES, even: bool = False
) -> Drawn:
    """Members of a family share most of their bits; the noise of families differs by up to e^3."""
    family = rng.integers(0, families, count)
    noise = np.ones(families) if even else np.exp(np.linspace(-1.5, 1.5, families))
    values = rng.normal(size=families)[family] + 0.2 * rng.normal(size=count)
    outputs = values + noise[family] * 0.3 * rng.standard_t(6, count)
    return Drawn(values, outputs[:, None], rng.permutation(count) % 5, _fingerprints(rng, family))


def classification(rng: np.random.Generator, count: int, sharpness: float = 3.0) -> Drawn:
    """Labels 0 and 1; outputs whose log odds are `sharpness` times those of the truth."""
    odds = rng.normal(size=count) * 1.5
    labels = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    positive = 1 / (1 + np.exp(-sharpness * odds))
    outputs = np.column_stack([1 - positive, positive])
    family = rng.integers(0, FAMILIES, count)
    return Drawn(labels, outputs, rng.permutation(count) % 5, _fingerprints(rng, family))


def part(drawn: Drawn, rows: np.ndarray) -> Drawn:
    return Drawn(drawn.values[rows], drawn.outputs[rows], drawn.folds[rows], drawn.ecfp4[rows])


def _fingerprints(rng: np.random.Generator, family: np.ndarray) -> np.ndarray:
    """Each has most of its family's own BITS bits, and some that any may have."""
    bits = np.zeros((len(family), 2048), np.uint8)
    own = family[:, None] * BITS + np.arange(BITS)
    bits[np.arange(len(family))[:, None], own] = rng.random(own.shape) < 0.8
    bits[:, -64:] = rng.random((len(family), 64)) < 0.1
    return np.packbits(bits, axis=1, bitorder="little")
