"""Commands as they lie in a topic: encoded, with the headers that our client gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from molfleet.broker.port import Headers
from molfleet.client.build import new
from molfleet.messages.codec import Codec
from molfleet.messages.envelope import command_headers
from molfleet.messages.generated import BlobRef, ModelRef, PredictProperties, SingleStructurePredict
from molfleet.messages.record import Command

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
NO_MODEL = ModelRef(id=uuid4(), blob=BlobRef(bucket="models", key="none.molmodel"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """One command ready to publish. `subject` is the ce_subject of its events."""

    subject: bytes
    key: bytes
    value: bytes
    headers: Headers


def prepared(command: Command, codec: Codec) -> Prepared:
    headers = command_headers(command, fingerprint=codec.fingerprint(command), now=datetime.now(UTC))
    name = str(command.id).encode()
    return Prepared(name, name, codec.encode(command), headers)


def singles(structures: Sequence[str], model: ModelRef = NO_MODEL) -> list[SingleStructurePredict]:
    return [new(SingleStructurePredict, structure=each, models=[model]) for each in structures]


def heavy_no_ops(count: int) -> list[PredictProperties]:
    """Commands for a handler that reads nothing of them."""
    nothing = BlobRef(bucket="inputs", key="none.smi")
    return [new(PredictProperties, source=nothing, models=[NO_MODEL]) for _ in range(count)]


def nci_structures() -> list[str]:
    """The SMILES of the 5,000 NCI molecules that ship inside the RDKit wheel."""
    from rdkit import RDConfig

    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text("utf-8").splitlines()
    return [line.split()[0] for line in lines if line.strip()]
