"""What a training is made with: told in the bundle, and no checkpoint is taken up under another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from rdkit import rdBase

_LIBRARIES = (
    "molfleet",
    "numpy",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "onnx",
    "onnxruntime",
)


def library_versions() -> dict[str, str]:
    """Of all that has a part in a model's numbers, by name."""
    found = {"rdkit": rdBase.rdkitVersion}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # XGBoost has two names, by platform
            continue
    return found
