"""From a finished training to the sealed bundle, loaded back before anybody hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from molfleet.bundles import conformal, domain, manifest
from molfleet.bundles.archive import MAX_MANIFEST_BYTES, write_bundle
from molfleet.bundles.arrays import pack
from molfleet.bundles.domain import SimilarityIndex
from molfleet.bundles.estimators import OnnxPredictor
from molfleet.bundles.features import Featurization, Molecule, Toolbox
from molfleet.bundles.predict import Model, load_model
from molfleet.chemistry.featurizers import SpecValue
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, Algorithm, FloatArray, Matrix
from workers.modeler.curation import measured_again
from workers.modeler.plan import Plan
from workers.modeler.preparation import Preparation
from workers.modeler.splits import Indices

GOLDEN_MOLECULES = 8
#: Golden molecules are picked from so many training molecules.
_CANDIDATES = 1_000
_LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "onnx", "skl2onnx", "onnxmltools", "onnxruntime")


@dataclass(frozen=True)
class Trained:
    """All that a bundle is made of.

    The arrays have one entry per record used: `features` before preparation, `ecfp4` packed, `smiles`,
    `values` as modelled, `out_of_fold` outputs (NaN rows: test set). `training` are the rows that the
    final model was fitted on; `graphs` its ONNX parts, averaged.
    """

    model_id: str
    plan: Plan
    algorithm: Algorithm
    parameters: Mapping[str, Any]
    labels: tuple[str, ...]
    features: Matrix
    ecfp4: NDArray[np.uint8]
    smiles: Sequence[str]
    values: NDArray[Any]
    out_of_fold: FloatArray
    training: Indices
    preparation: Preparation
    graphs: Sequence[bytes]
    metrics: Sequence[manifest.Metric]
    training_set: manifest.TrainingSet
    metadata: Mapping[str, str]

    @property
    def specs(self) -> Sequence[SpecValue]:
        return self.plan.specs

    def measured(self, row: int) -> str:
        """What was measured, as text: a label, or a value in its own units."""
        if self.labels:
            return self.labels[int(self.values[row])]
        return repr(measured_again(float(self.values[row]), self.plan.rules.transform))


def seal(trained: Trained, path: Path, tools: Toolbox) -> Model:
    """Write the bundle to `path`, load it back as anybody would, and return it.

    Raises Rejected(INVALID_MODEL) where it does not verify.
    """
    parts: dict[str, bytes] = {
        f"estimators/{number}.onnx": graph for number, graph in enumerate(trained.graphs)
    }
    estimators = tuple(
        manifest.Estimator(part=name, any_block=trained.algorithm.any_block) for name in parts
    )
    featurizers = tuple(_featurizer(spec, tools) for spec in trained.specs)
    preparation = None
    if trained.preparation.scales or any(featurizer.names for featurizer in featurizers):
        preparation = manifest.Preparation(scaler=trained.preparation.scaler, part="preparation.npz")
        parts[preparation.part] = _preparation(trained.preparation)
    prepared = trained.preparation.apply(trained.features[trained.training])
    fitted = domain.fit(
        prepared,
        trained.ecfp4[trained.training],
        [trained.smiles[row] for row in trained.training],
        [trained.measured(row) for row in trained.training],
        seed=trained.plan.seed,
    )
    parts["domain.npz"], parts["domain.tsv"] = fitted.part, fitted.molecules
    parts["calibration.npz"] = pack(_calibration(trained))
    golden, parts["golden.npz"] = _golden(trained, tools)
    write_bundle(
        path,
        manifest.Manifest(
            id=trained.model_id,
            name=trained.plan.model_name,
            task=trained.algorithm.task,
            targets=(trained.plan.rules.target,),
            labels=trained.labels,
            positive_label=trained.labels[1] if len(trained.labels) == 2 else None,
            units=trained.plan.rules.units,
            target_transform=trained.plan.rules.transform,
            featurizers=featurizers,
            standardize=trained.plan.standardize,
            preparation=preparation,
            algorithm=manifest.Algorithm(
                code=trained.algorithm.code,
                display_name=trained.algorithm.display_name,
                parameters=trained.parameters,
            ),
            estimators=estimators,
            metrics=tuple(trained.metrics),
            training_set=trained.training_set,
            split=_split(trained.plan),
            seed=trained.plan.seed,
            library_versions=_library_versions(),
            applicability_domain=manifest.ApplicabilityDomain(
                part="domain.npz",
                molecules="domain.tsv",
                similarity_threshold=fitted.similarity_threshold,
                quantile=fitted.quantile,
                components=fitted.components,
                bandwidth=fitted.bandwidth,
            ),
            calibration=manifest.Calibration(part="calibration.npz", size=len(trained.training)),
            golden=golden,
            metadata=trained.metadata,
        ),
        parts,
    )
    unpacked = MAX_MANIFEST_BYTES + sum(map(len, parts.values()))
    return load_model(path, max_bytes=unpacked, tools=tools)


def _featurizer(spec: SpecValue, tools: Toolbox) -> manifest.Featurizer:
    built = tools.featurizer(tools.add(spec))
    parameters = {name: value for name, value in spec.parameters.items() if name != "names"}
    return manifest.Featurizer(
        type=spec.type,
        size=spec.size,
        radius=spec.radius,
        parameters=parameters,
        n_features=built.size,
        names=built.names or (),
    )


def _preparation(preparation: Preparation) -> bytes:
    arrays = {"fill": preparation.fill}
    if preparation.scales:
        arrays |= {"center": preparation.center, "scale": preparation.scale}
    return pack(arrays)


def _split(plan: Plan) -> manifest.Split:
    return manifest.Split(
        name=plan.split.code,
        test_set_size=plan.test_set_size,
        k_fold=plan.k_fold,
        sub_sample_size=plan.sub_sample_size,
        refit="folds" if plan.keeps_folds else "all",
    )


def _library_versions() -> dict[str, str]:
    return {
        "molfleet": version("molfleet"),
        "rdkit": rdBase.rdkitVersion,
        **{name: version(name) for name in _LIBRARIES},
    }


def _calibration(trained: Trained) -> dict[str, NDArray[Any]]:
    actual, predicted = trained.values[trained.training], trained.out_of_fold[trained.training]
    if trained.algorithm.task == CLASSIFICATION:
        return conformal.fit_classification(actual, predicted)
    return conformal.fit_regression(actual, predicted[:, 0])


def _golden(trained: Trained, tools: Toolbox) -> tuple[manifest.Golden, bytes]:
    """Diverse training molecules with the features that their SMILES give and what the bundle predicts."""
    names = tuple(tools.add(spec) for spec in trained.specs)
    featurization = Featurization(trained.plan.standardize, names)
    smiles, rows = [], []
    for row in _diverse(trained):
        mol = Chem.MolFromSmiles(trained.smiles[row])
        if mol is None:
            continue
        try:
            rows.append(Molecule(mol, tools).features(featurization))
        except Exception:  # noqa: S112  a molecule that does not survive its own SMILES proves nothing
            continue
        smiles.append(trained.smiles[row])
    if not rows:
        raise Rejected(
            Code.INTERNAL,
            "No training molecule can be read back from its own SMILES, so the model cannot be verified.",
            retryable=False,
        )
    features = np.stack(rows)
    prepared = trained.preparation.apply(features)
    outputs = np.mean(
        [
            OnnxPredictor(graph, features.shape[1], trained.algorithm.any_block)(prepared)
            for graph in trained.graphs
        ],
        axis=0,
    )
    golden = manifest.Golden(smiles=tuple(smiles), part="golden.npz")
    return golden, pack({"features": features, "outputs": outputs})


def _diverse(trained: Trained) -> list[int]:
    """Each the molecule that is least similar to those before it (MaxMin), from a seeded start."""
    rng = np.random.default_rng((trained.plan.seed, 3))
    rows = rng.permutation(trained.training)[:_CANDIDATES]
    index = SimilarityIndex(trained.ecfp4[rows])
    chosen = [0]
    nearest = index.all(trained.ecfp4[rows[0]])
    while len(chosen) < min(GOLDEN_MOLECULES, len(rows)) and np.min(nearest) < 1:
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, index.all(trained.ecfp4[rows[chosen[-1]]]))
    return [int(rows[place]) for place in chosen]
