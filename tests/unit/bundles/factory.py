"""Small real models, trained with scikit-learn or LightGBM and sealed with the writer's own functions."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from molfleet.bundles import conformal, domain
from molfleet.bundles.archive import write_bundle
from molfleet.bundles.arrays import pack
from molfleet.bundles.features import Featurization, Molecule, Toolbox
from molfleet.bundles.manifest import (
    Algorithm,
    ApplicabilityDomain,
    Calibration,
    Estimator,
    Featurizer,
    Golden,
    Manifest,
    Metric,
    Preparation,
    Split,
    TrainingSet,
)
from molfleet.chemistry.featurizers import FEATURIZERS, SpecValue, text_of

ECFP = SpecValue("ECFP", 512, 2)
DESC = SpecValue("DESC", parameters={"names": ["MolWt", "MolLogP", "TPSA", "NumHDonors"]})

#: Sixty molecules whose "property" is a smooth function of their structure.
CHAINS = [f"{'C' * length}{end}" for length in range(1, 16) for end in ("O", "N", "c1ccccc1", "C(=O)O")]


@dataclass(frozen=True)
class Made:
    """A bundle on disk, what it was made of, and the estimator that it must agree with."""

    path: Path
    manifest: Manifest
    parts: Mapping[str, bytes]
    estimator: Any
    features: np.ndarray
    ecfp4: np.ndarray

    def written(self, path: Path, **changes: Any) -> Path:
        """The same bundle with other manifest fields."""
        write_bundle(path, self.manifest.model_copy(update=changes), self.parts)
        return path

    def with_parts(self, path: Path, **parts: bytes) -> Path:
        """The same bundle with other parts, their digests in order (dots in names as `__`)."""
        named = {name.replace("__", "."): data for name, data in parts.items()}
        write_bundle(path, self.manifest, {**self.parts, **named})
        return path


def molecules(smiles: list[str], tools: Toolbox) -> list[Molecule]:
    return [Molecule(Chem.MolFromSmiles(text), tools) for text in smiles]


def vectors(smiles: list[str], spec: SpecValue, level: str) -> tuple[np.ndarray, np.ndarray]:
    tools = Toolbox()
    key = Featurization(level, (tools.add(spec),))
    made = molecules(smiles, tools)
    return np.stack([one.features(key) for one in made]), np.stack([one.ecfp4(level) for one in made])


def _onnx(estimator: Any, width: int) -> bytes:
    if type(estimator).__module__.startswith("lightgbm"):
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = convert_lightgbm(
            estimator, initial_types=[("features", FloatTensorType([None, width]))], zipmap=False
        )
        return bytes(model.SerializeToString())
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    model = to_onnx(
        estimator, initial_types=[("features", FloatTensorType([None, width]))], options=options
    )
    return bytes(model.SerializeToString())


def _estimator(kind: str, task: str) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    small = {"n_estimators": 20, "random_state": 7, "n_jobs": 1}
    boosted = {**small, "min_child_samples": 3, "verbose": -1}
    return {
        ("forest", "regression"): lambda: RandomForestRegressor(**small),
        ("forest", "classification"): lambda: RandomForestClassifier(**small),
        ("boosted", "regression"): lambda: LGBMRegressor(**boosted),
        ("boosted", "classification"): lambda: LGBMClassifier(**boosted),
        ("linear", "regression"): lambda: Ridge(),
        ("linear", "classification"): lambda: LogisticRegression(max_iter=500),
    }[kind, task]()


@functools.cache
def _trained(
    kind: str, task: str, featurizer: str, level: str, labels: tuple[str, ...]
) -> tuple[Manifest, dict[str, bytes], Any, np.ndarray, np.ndarray]:
    spec = {"ECFP": ECFP, "DESC": DESC}[featurizer]
    features, ecfp4 = vectors(CHAINS, spec, level)
    weights = np.array([Chem.MolFromSmiles(smiles).GetNumHeavyAtoms() for smiles in CHAINS])
    target: np.ndarray = weights * 0.25 - 2.0
    if task == "classification":
        target = np.argsort(np.argsort(weights, kind="stable"), kind="stable") * len(labels) // len(weights)
    arrays = {"center": features.mean(axis=0, dtype=float), "scale": features.std(axis=0, dtype=float)}
    arrays["scale"][arrays["scale"] == 0] = 1.0
    scaled = featurizer == "DESC"
    prepared = (features - arrays["center"]) / arrays["scale"] if scaled else features.astype(float)
    estimator = _estimator(kind, task).fit(prepared.astype(np.float32), target)
    if task == "classification":
        outputs = estimator.predict_proba(prepared.astype(np.float32))
        calibration = conformal.fit_classification(target, outputs)
        measured = [labels[index] for index in target]
    else:
        outputs = np.asarray(estimator.predict(prepared.astype(np.float32))).reshape(-1, 1)
        calibration = conformal.fit_regression(np.abs(target - outputs[:, 0]))
        measured = [f"{value:g}" for value in target]
    fitted = domain.fit(prepared, ecfp4, CHAINS, measured, seed=3)
    chosen = np.linspace(0, len(CHAINS) - 1, 8).round().astype(int)
    parts = {
        "estimators/0.onnx": _onnx(estimator, features.shape[1]),
        "domain.npz": fitted.part,
        "molecules.tsv": fitted.molecules,
        "calibration.npz": pack(calibration),
        "golden.npz": pack({"features": features[chosen], "outputs": np.asarray(outputs[chosen], float)}),
    }
    if scaled:
        parts["preparation.npz"] = pack(arrays)
    built = FEATURIZERS.build(spec)
    manifest = Manifest(
        id="00000000-0000-4000-8000-000000000001",
        name=f"{kind} {task}",
        task="classification" if task == "classification" else "regression",
        targets=("activity",),
        labels=labels if task == "classification" else (),
        positive_label=labels[-1] if task == "classification" and len(labels) == 2 else None,
        units=None if task == "classification" else "log10(mol/L)",
        featurizers=(
            Featurizer(
                type=spec.type,
                size=spec.size,
                radius=spec.radius,
                n_features=built.size,
                names=built.names or (),
            ),
        ),
        standardize="parent-neutral" if level == "parent-neutral" else "none",
        preparation=Preparation(scaler="standard", part="preparation.npz") if scaled else None,
        algorithm=Algorithm(code=kind, display_name=kind.title()),
        estimators=(Estimator(part="estimators/0.onnx", any_block=kind != "linear"),),
        metrics=(
            Metric(name="RMSE", target="activity", subset="validation", value=0.5),
            Metric(name="AUC", target="activity", subset="validation", value=0.9),
        ),
        training_set=TrainingSet(sha256="0" * 64, records=len(CHAINS)),
        split=Split(name="random", test_set_size=0.0, k_fold=5),
        seed=7,
        library_versions={"rdkit": rdBase.rdkitVersion},
        applicability_domain=ApplicabilityDomain(
            part="domain.npz",
            molecules="molecules.tsv",
            similarity_threshold=fitted.similarity_threshold,
            components=fitted.components,
            bandwidth=fitted.bandwidth,
        ),
        calibration=Calibration(part="calibration.npz", size=len(CHAINS)),
        golden=Golden(smiles=tuple(CHAINS[row] for row in chosen), part="golden.npz"),
    )
    return manifest, parts, estimator, features, ecfp4


def make(
    path: Path,
    kind: str = "forest",
    task: str = "regression",
    featurizer: str = "ECFP",
    *,
    level: str = "parent-neutral",
    labels: tuple[str, ...] = ("inactive", "active"),
    **changes: Any,
) -> Made:
    """A bundle at `path`; `changes` are manifest fields. Equal models are trained once per session."""
    manifest, parts, estimator, features, ecfp4 = _trained(kind, task, featurizer, level, labels)
    made = Made(path, manifest.model_copy(update=changes), parts, estimator, features, ecfp4)
    return replace(made, manifest=write_bundle(path, made.manifest, parts))


__all__ = ["CHAINS", "DESC", "ECFP", "Made", "make", "molecules", "text_of", "vectors"]
