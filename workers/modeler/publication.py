"""What others see of a training besides the model: files, pictures, rejects; drawn, stored, announced."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molfleet.bundles.features import Toolbox
from molfleet.chemistry.records import Reject
from molfleet.chemistry.rejects import RejectsFile
from molfleet.messages.generated import Artifact, BlobRef, ModelThumbnailGenerated, TrainModel
from molfleet.runtime.handler import Context
from workers.modeler import audit, reporting
from workers.modeler.artifacts import (
    ArtifactFile,
    draw_pictures,
    draw_thumbnails,
    write_importance,
    write_leakage,
    write_metrics,
    write_predictions,
)
from workers.modeler.evaluation import metric_rows
from workers.modeler.learning import Learned
from workers.modeler.plan import Plan


@dataclass(frozen=True)
class Made:
    """Files that are ready to be stored. `left_out`: metadata about pictures that could not be drawn."""

    files: Sequence[ArtifactFile]
    thumbnails: Sequence[tuple[int, Path]]
    left_out: Mapping[str, str]


def draw(
    plan: Plan, learned: Learned, sections: Mapping[str, Any], tools: Toolbox, directory: Path
) -> Made:
    """Write all tables and pictures of a training into `directory`."""
    explained, left_out = _explained(plan, learned, tools)
    outcome = reporting.outcome(plan, learned, explained)
    measured, rows = learned.dataset.measured, learned.curated.rows
    drawing = draw_pictures(directory, outcome)
    figures = metric_rows(
        learned.metrics,
        learned.baselines,
        learned.final_metrics,
        learned.final_baseline,
        learned.intervals,
    )
    files = [
        write_metrics(directory / "metrics.csv", figures),
        write_predictions(
            directory / "predictions.csv",
            reporting.prediction_header(plan, learned),
            reporting.prediction_rows(learned),
        ),
        _write_json("curation_report", directory / "curation.json", sections["curation"]),
        _write_json("training_report", directory / "training.json", sections),
        write_leakage(
            directory / "leakage.csv",
            audit.HEADER,
            learned.audit.rows([measured[row].record for row in rows]),
        ),
        write_importance(directory / "feature_importance.csv", outcome),
        *drawing.files,
    ]
    left_out |= {f"left_out.{code}": reason for code, reason in drawing.left_out.items()}
    return Made(files, draw_thumbnails(directory, outcome), left_out)


def _explained(plan: Plan, learned: Learned, tools: Toolbox) -> tuple[reporting.Explained, dict[str, str]]:
    """Nothing, and why, where it cannot be said: that fails no training."""
    try:
        return reporting.explain(plan, learned, tools), {}
    except Exception as error:
        return reporting.Explained(), {"left_out.importance": f"{type(error).__name__}: {error}"[:200]}


def _write_json(kind: str, path: Path, told: Any) -> ArtifactFile:
    path.write_text(json.dumps(told, indent=1, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
    return ArtifactFile(kind, path, "application/json")


class Publication:
    """Stores the outputs of one command where it wants them."""

    def __init__(self, command: TrainModel, context: Context) -> None:
        self._command = command
        self._context = context

    def store(self, path: Path, content_type: str) -> BlobRef:
        return self._context.store(path, content_type=content_type, bucket=self._command.output_bucket)

    def artifacts(self, files: Sequence[ArtifactFile]) -> tuple[Artifact, ...]:
        return tuple(
            Artifact(name=f.path.name, kind=f.kind, blob=self.store(f.path, f.content_type)) for f in files
        )

    def thumbnails(self, pictures: Sequence[tuple[int, Path]]) -> None:
        for width, path in pictures:
            blob = self.store(path, "image/png")
            self._context.emit(ModelThumbnailGenerated.answer(self._command, blob=blob, width=width))

    def rejects(self, rejects: Sequence[Reject]) -> BlobRef | None:
        """None where there are none."""
        if not rejects:
            return None
        with RejectsFile(self._context.scratch / "rejects.csv") as file:
            file.append(sorted(rejects, key=lambda reject: reject.record))
        return self.store(file.path, "text/csv")
