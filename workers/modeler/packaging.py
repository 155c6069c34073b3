"""From a finished training to the sealed bundle, loaded back before anybody hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from molfleet.bundles import domain, manifest
from molfleet.bundles.archive import MAX_MANIFEST_BYTES, write_bundle
from molfleet.bundles.arrays import pack
from molfleet.bundles.features import Toolbox
from molfleet.bundles.predict import Model, load_model
from molfleet.bundles.signatures import ANYBODY, BadKey, Signer, read_signer
from molfleet.chemistry.featurizers import SpecValue
from molfleet.errors import Code, Rejected
from workers.modeler.curation import measured_again
from workers.modeler.ensembles.base import Recipe
from workers.modeler.golden import golden_molecules
from workers.modeler.learning import Learned
from workers.modeler.parts import pack_models
from workers.modeler.plan import Plan
from workers.modeler.splits import Partition
from workers.modeler.versions import library_versions


@dataclass(frozen=True)
class About:
    """What a bundle says of its making, for people."""

    training_set: manifest.TrainingSet
    metadata: Mapping[str, str]
    sections: Mapping[str, JsonValue] = field(default_factory=dict)


def open_signer(path: Path | None) -> Signer | None:
    """What signs the model, None where nothing does. Raises Rejected(INTERNAL) for a key of no use."""
    try:
        return read_signer(path) if path else None
    except BadKey as error:
        raise Rejected(Code.INTERNAL, f"The model could not be signed: {error}.") from None


def seal(
    model_id: str,
    plan: Plan,
    learned: Learned,
    about: About,
    path: Path,
    tools: Toolbox,
    signer: Signer | None = None,
) -> Model:
    """Write the bundle to `path`, signed by `signer`, load it back as anybody would, and return it.

    Raises Rejected(INVALID_MODEL) where it does not verify.
    """
    problem, labels = learned.problem, learned.curated.labels
    training = problem.partition.training
    packed = pack_models(problem, learned.final)
    parts = dict(packed.parts)
    smiles = problem.samples.smiles
    known = training[domain.kept_rows(len(training), plan.seed)]
    fitted = domain.fit(
        packed.shared.float32(problem.data.features, known),
        problem.samples.fingerprints[known],
        [smiles[row] for row in known],
        [_measured(plan, learned, int(row)) for row in known],
        seed=plan.seed,
        molecules=problem.samples.molecules[known],
    )
    parts["domain.npz"], parts["domain.tsv"] = fitted.part, fitted.molecules
    parts["calibration.npz"] = pack(learned.calibrated.arrays)
    golden, parts["golden.npz"] = golden_molecules(plan, learned, tools)
    write_bundle(
        path,
        manifest.Manifest(
            id=model_id,
            name=plan.model_name,
            task=problem.recipe.task,
            targets=(plan.rules.target,),
            labels=labels,
            positive_label=labels[1] if len(labels) == 2 else None,
            units=learned.curated.units,
            target_transform=plan.rules.transform,
            featurizers=tuple(_featurizer(spec, tools) for spec in plan.specs),
            standardize=plan.standardize,
            preparation=packed.preparation,
            algorithm=_algorithm(problem.recipe),
            members=_members(plan, problem.recipe),
            estimators=packed.estimators,
            combinations=packed.combinations,
            metrics=tuple(learned.metrics),
            final_metrics=tuple(learned.final_metrics),
            sections=about.sections,
            training_set=about.training_set,
            split=_split(plan, problem.partition),
            seed=plan.seed,
            library_versions=library_versions(),
            applicability_domain=manifest.ApplicabilityDomain(
                part="domain.npz",
                molecules="domain.tsv",
                similarity_threshold=fitted.similarity_threshold,
                quantile=fitted.quantile,
                components=fitted.components,
                bandwidth=fitted.bandwidth,
            ),
            calibration=learned.calibrated.entry("calibration.npz", learned.coverage),
            probability=learned.calibrated.probability,
            golden=golden,
            metadata=about.metadata,
        ),
        parts,
        signer=signer,
    )
    unpacked = MAX_MANIFEST_BYTES + sum(map(len, parts.values()))
    trust = signer.trust if signer else ANYBODY
    return load_model(path, max_bytes=unpacked, tools=tools, trust=trust)


def _measured(plan: Plan, learned: Learned, row: int) -> str:
    """What was measured, as text: a label, or a value in its own units."""
    value = learned.problem.values[row]
    if labels := learned.curated.labels:
        return labels[int(value)]
    return repr(measured_again(float(value), plan.rules.transform))


def _algorithm(recipe: Recipe) -> manifest.Algorithm:
    parameters = recipe.parameters if recipe.ensemble else recipe.learners[0].parameters
    return manifest.Algorithm(
        code=recipe.code, display_name=recipe.display_name, parameters=parameters or {}
    )


def _members(plan: Plan, recipe: Recipe) -> tuple[manifest.Member, ...]:
    if recipe.ensemble is None:
        return ()
    return tuple(
        manifest.Member(
            algorithm=manifest.Algorithm(
                code=learner.algorithm.code,
                display_name=learner.algorithm.display_name,
                parameters=learner.parameters,
            ),
            featurizers=member.specs,
            scaler=member.scaler.code if member.scaler else None,
            weight=member.weight,
        )
        for member, learner in zip(plan.choice.members, recipe.learners, strict=True)
    )


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


def _split(plan: Plan, partition: Partition) -> manifest.Split:
    """A column of the file may hold out another share than the command asks for: what was done is told."""
    held_out = len(partition.test) / len(partition.folds)
    return manifest.Split(
        name=plan.split.code,
        test_set_size=held_out if plan.split.column else plan.test_set_size,
        k_fold=plan.k_fold,
        sub_sample_size=plan.sub_sample_size,
        refit="folds" if plan.keeps_folds else "all",
    )
