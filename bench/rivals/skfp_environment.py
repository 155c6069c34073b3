"""scikit-fingerprints in an environment of its own."""

from __future__ import annotations

from bench.rivals.environments import Environment

SKFP = Environment("scikit-fingerprints==2.1.0", ("scikit-fingerprints", "rdkit"))
