"""A loaded model: from molecules to values, probabilities, intervals and the applicability domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles import golden
from molfleet.bundles.archive import OpenBundle, open_bundle, refuse
from molfleet.bundles.composition import mean_of
from molfleet.bundles.domain import Domain, DomainFigures
from molfleet.bundles.estimators import Outputs
from molfleet.bundles.features import Matrix, Molecule, Toolbox
from molfleet.bundles.loading import featurization_of, groups_of, preparation_of
from molfleet.bundles.manifest import TargetTransform
from molfleet.bundles.signatures import ANYBODY, Trust
from molfleet.bundles.uncertainty import Uncertainty

Floats = NDArray[np.float64]


class Analogue(NamedTuple):
    """A training molecule near a structure; `measured` as text: a value or a label."""

    smiles: str
    measured: str
    similarity: float


@dataclass(frozen=True)
class Predictions:
    """Figures of n molecules; k is the number of labels (0 for regression).

    value [n]: regression, in the model's units; two labels, the positive one's probability; else NaN.
    label [n]: index of the likeliest label, -1 for regression. probabilities and sets: [n, k].
    lower, upper [n]: the interval in the model's units, NaN where there is none or it is unbounded.
    """

    value: Floats
    label: NDArray[np.int64]
    probabilities: Floats
    lower: Floats
    upper: Floats
    sets: NDArray[np.bool_] | None
    domain: DomainFigures | None


class Model:
    """A verified model in memory. Its figures for a molecule never depend on the other rows of a call."""

    def __init__(self, bundle: OpenBundle, tools: Toolbox) -> None:
        """Raises Rejected(INVALID_MODEL) naming the part that cannot be used."""
        self.manifest = made = bundle.manifest
        self.featurization = featurization_of(bundle, tools)
        #: The properties of a record that the model takes besides the structure.
        self.columns = tools.columns(self.featurization)
        self._preparation = preparation_of(bundle)
        self._groups = groups_of(bundle, self._preparation)
        self._domain = _domain(bundle, self._preparation.width)
        kept = len(self._domain.index) if self._domain else 0
        self._uncertainty = Uncertainty(bundle, kept)
        self._positive = made.labels.index(made.positive_label) if made.positive_label else -1
        self._molecules = b""
        if made.applicability_domain:
            self._molecules = bundle.parts[made.applicability_domain.molecules]
        # onnxruntime's own structures take about as much as the graph does.
        graphs = 2 * sum(len(bundle.parts[estimator.part]) for estimator in made.estimators)
        prepared = sum(
            member.preparation.nbytes
            for group in self._groups
            for member in group.members
            if member.preparation
        )
        domain = self._domain.nbytes if self._domain else 0
        known = len(self._molecules) + domain + self._uncertainty.nbytes
        self.nbytes = graphs + prepared + known + (1 << 16)

    def outputs(self, features: Matrix) -> Outputs:
        """The estimators' combined outputs [n, 1 or k] for unprepared features, in model space."""
        return self._outputs(features, self.prepare(features))

    def _outputs(self, features: Matrix, prepared: Floats) -> Outputs:
        try:
            return mean_of(self._groups, features, prepared.astype(np.float32))
        except ValueError as error:
            refuse(str(error))

    def prepare(self, features: Matrix) -> Floats:
        return self._preparation(features)

    def features(self, molecules: Sequence[Molecule]) -> Matrix:
        """Unprepared features, float32 [n, n_features]. RDKit's errors pass through."""
        if not molecules:
            return np.empty((0, self.manifest.n_features), np.float32)
        return np.stack([molecule.features(self.featurization) for molecule in molecules])

    def predict(
        self,
        features: Matrix,
        ecfp4: NDArray[np.uint8],
        confidence: float,
        familiar: NDArray[np.bool_] | None = None,
    ) -> Predictions:
        """Predict n molecules from features [n, n_features] and packed ECFP4 fingerprints uint8 [n, 256].

        `familiar` [n] as `Molecule.familiar` tells it: what is not is outside the domain. Values that are
        not finite stay so: whoever reports them says that the prediction failed.
        """
        prepared = self.prepare(features)
        outputs = self._outputs(features, prepared)
        domain = self._domain.evaluate(prepared, ecfp4) if self._domain else None
        if domain is not None and familiar is not None:
            domain = replace(domain, inside=domain.inside & familiar)
        if self.manifest.task == "regression":
            half = self._uncertainty.half_widths(outputs[:, 0], ecfp4, domain, confidence)
            return self._regression(outputs[:, 0], half, domain)
        return self._classification(outputs, confidence, domain)

    def analogues(self, ecfp4: NDArray[np.uint8], count: int) -> list[Analogue]:
        """The `count` training molecules that are most similar, nearest first; none without a domain."""
        if self._domain is None:
            return []
        lines = self._molecules.decode().splitlines()
        found = []
        for row, similarity in self._domain.index.nearest(ecfp4, count):
            smiles, _, measured = lines[row].partition("\t")
            found.append(Analogue(smiles, measured, similarity))
        return found

    def _regression(self, raw: Floats, half: Floats, domain: DomainFigures | None) -> Predictions:
        transform = self.manifest.target_transform
        ends = _inverse(raw - half, transform), _inverse(raw + half, transform)
        lower, upper = np.minimum(*ends), np.maximum(*ends)
        bounded = np.isfinite(half) & np.isfinite(lower) & np.isfinite(upper)
        return Predictions(
            value=_inverse(raw, transform),
            label=np.full(len(raw), -1),
            probabilities=np.empty((len(raw), 0)),
            lower=np.where(bounded, lower, np.nan),
            upper=np.where(bounded, upper, np.nan),
            sets=None,
            domain=domain,
        )

    def _classification(
        self, outputs: Outputs, confidence: float, domain: DomainFigures | None
    ) -> Predictions:
        probabilities = self._uncertainty.probabilities(outputs)
        nothing = np.full(len(outputs), np.nan)
        binary = probabilities.shape[1] == 2
        return Predictions(
            value=probabilities[:, self._positive].copy() if binary else nothing,
            label=np.argmax(probabilities, axis=1),
            probabilities=probabilities,
            lower=nothing,
            upper=nothing,
            sets=self._uncertainty.sets(probabilities, confidence),
            domain=domain,
        )


def load_model(
    path: Path,
    *,
    max_bytes: int,
    tools: Toolbox | None = None,
    verify_golden: bool = True,
    trust: Trust = ANYBODY,
) -> Model:
    """Verify a bundle and load it. `tools` are the process's featurizers, shared by its models.

    Raises Rejected(INVALID_MODEL): the archive's reasons (see open_bundle), a part that cannot be
    used, or golden molecules that come out otherwise than when the model was made.
    """
    tools = tools or Toolbox()
    bundle = open_bundle(path, max_bytes=max_bytes, trust=trust)
    model = Model(bundle, tools)
    if verify_golden:
        golden.verify(model, bundle, tools)
    return model


def _inverse(values: Floats, transform: TargetTransform) -> Floats:
    if transform == "none":
        return values
    with np.errstate(over="ignore"):
        return np.asarray(np.power(10.0, values if transform == "log10" else -values))


def _domain(bundle: OpenBundle, width: int) -> Domain | None:
    entry = bundle.manifest.applicability_domain
    if entry is None:
        return None
    try:
        domain = Domain(bundle.arrays(entry.part), entry.similarity_threshold, entry.bandwidth)
        lines = bundle.parts[entry.molecules].decode().splitlines()
    except ValueError as error:
        refuse(f"part {entry.part}: {error}")
    if domain.n_features != width or len(lines) != len(domain.index):
        refuse(f"part {entry.part} does not fit the model's features or molecules")
    return domain
