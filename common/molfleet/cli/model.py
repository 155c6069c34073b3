"""molfleet model: what a model file says of itself, and whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.bundles.manifest import Featurizer, Manifest

app = typer.Typer(no_args_is_help=True, help="Look into model files and sign them.")


@app.callback()
def _group() -> None:
    """Look into model files and sign them."""


@app.command("inspect")
def inspect(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .molmodel file.")],
    json: frame.Json = False,
) -> None:
    """Verify the digests and the signature of a model file and print what it is. Nothing in it is executed.

    Exit code 1: it was tampered with, is damaged, is of a newer format, or is not signed as the settings
    MOLFLEET_BUNDLES_* want it. Example: molfleet model inspect model/model.molmodel
    """
    from molfleet.bundles.archive import open_bundle
    from molfleet.runtime.keys import trust_of

    settings = frame.settings()
    trust = trust_of(settings)
    bundle = open_bundle(file, max_bytes=settings.blobs.max_model_bytes, trust=trust)
    manifest = bundle.manifest
    if json:
        frame.print_json({**manifest.model_dump(mode="json"), "signed_by": bundle.signed_by})
        return
    from rich.table import Table
    from rich.text import Text

    console = frame.console()
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(manifest).items():
        if value not in (None, "", "none"):
            table.add_row(Text(name, style="dim"), Text(str(value)))
    console.print(table)
    if manifest.metrics:
        console.print()
        console.print(_metrics(manifest))
    console.print(f"\n{len(manifest.parts)} parts, every digest verified.")
    if bundle.signed_by:
        verdict = "verified" if trust.keys else "not verified: MOLFLEET_BUNDLES_TRUSTED_KEYS is not set"
        console.print(f"signed with the key {bundle.signed_by}, {verdict}.")


@app.command("sign")
def sign(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .molmodel file.")],
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="The signed model.")],
    json: frame.Json = False,
) -> None:
    """Sign a model file with the key in MOLFLEET_BUNDLES_SIGNING_KEY_FILE, after verifying its digests.

    A signature that it has is replaced.
    Example: molfleet model sign model/model.molmodel --output signed.molmodel
    """
    from molfleet.bundles.archive import open_bundle, write_bundle
    from molfleet.runtime.keys import signer_of

    settings = frame.settings()
    signer = signer_of(settings)
    if signer is None:
        raise frame.Usage("MOLFLEET_BUNDLES_SIGNING_KEY_FILE names no key to sign with.")
    bundle = open_bundle(file, max_bytes=settings.blobs.max_model_bytes)
    write_bundle(output, bundle.manifest, bundle.parts, signer=signer)
    if json:
        frame.print_json({"file": str(output), "signed_by": signer.key_id})
    else:
        print(f"{output}: signed with the key {signer.key_id}")


def _facts(manifest: Manifest) -> dict[str, Any]:
    training, split = manifest.training_set, manifest.split
    units = f" ({manifest.units})" if manifest.units else ""
    return {
        "name": manifest.name,
        "id": manifest.id,
        "task": manifest.task,
        "target": ", ".join(manifest.targets) + units,
        "target transform": manifest.target_transform,
        "labels": ", ".join(manifest.labels),
        "positive label": manifest.positive_label,
        "method": f"{manifest.algorithm.display_name} ({manifest.algorithm.code})",
        "hyper-parameters": ", ".join(f"{k}={v}" for k, v in manifest.algorithm.parameters.items()),
        "featurizers": ", ".join(map(_text, manifest.featurizers)),
        "features": manifest.n_features,
        "standardize": manifest.standardize,
        "training records": f"{training.records} used, {training.skipped} skipped",
        "training file": f"sha256 {training.sha256}",
        "split": f"{split.name}, test set {split.test_set_size:g}, {split.k_fold} folds",
        "seed": manifest.seed,
        "applicability domain": "yes" if manifest.applicability_domain else "no",
        "calibrated": f"on {manifest.calibration.size} records" if manifest.calibration else "no",
        "golden molecules": len(manifest.golden.smiles),
        "libraries": ", ".join(f"{k} {v}" for k, v in manifest.library_versions.items()),
        "format": manifest.format_version,
    }


def _text(featurizer: Featurizer) -> str:
    """TYPE:SIZE:RADIUS:name=value, as the commands take it."""
    from molfleet.chemistry.featurizers.spec import SpecValue, text_of

    parameters = {name: value for name, value in featurizer.parameters.items() if value is not None}
    return text_of(SpecValue(featurizer.type, featurizer.size, featurizer.radius, parameters))


def _metrics(manifest: Manifest) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    subsets = [s for s in ("train", "validation", "test") if any(m.subset == s for m in manifest.metrics)]
    table.add_column("metric")
    for subset in subsets:
        table.add_column(subset, justify="right")
    figures = {
        (metric.name, str(metric.subset)): metric for metric in manifest.metrics if metric.fold is None
    }
    for name in dict.fromkeys(metric.name for metric in manifest.metrics):
        cells = []
        for subset in subsets:
            metric = figures.get((name, subset))
            spread = f" ± {metric.std:.3f}" if metric and metric.std is not None else ""
            cells.append(f"{metric.value:.3f}{spread}" if metric else "")
        table.add_row(name, *cells)
    return table
