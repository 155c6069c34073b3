"""How a case of a command that cannot succeed is written down; the cases themselves: bad_commands.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from molfleet.errors import Code
from molfleet.messages.generated import BlobRef, ModelRef
from molfleet.messages.record import Command
from tests import builders
from tests.end_to_end.fleet import RealFleet


class Given(NamedTuple):
    """What a case can name in its command."""

    fleet: RealFleet
    model: ModelRef

    @property
    def good(self) -> BlobRef:
        return self.fleet.put(builders.sdf(count=5), "good.sdf")

    def file(self, data: bytes, name: str) -> BlobRef:
        return self.fleet.put(data, f"bad/{name}")

    @property
    def state(self) -> BlobRef:
        """Something that really is in the fleet's own bucket."""
        bucket = self.fleet.settings.state_bucket
        info = next(iter(self.fleet.store.list(bucket)))
        return BlobRef(bucket=bucket, key=info.key)

    def model_of(self, data: bytes) -> ModelRef:
        blob = self.fleet.put(data, f"bad/{uuid4()}.molmodel")
        return ModelRef(id=uuid4(), blob=blob, name="the bad one")

    @property
    def flipped(self) -> ModelRef:
        """The good model with one byte in its midst changed."""
        data = bytearray(self.fleet.get(self.model.blob))
        data[len(data) // 2] ^= 0xFF
        return self.model_of(bytes(data))


class Case(NamedTuple):
    """A command that cannot succeed, the code of its failure, and what its sentence names."""

    command: str
    name: str
    code: Code
    names: tuple[str, ...]
    make: Callable[[Given], Command]


def vectors(name: str, code: Code, *names: str, **fields: Any) -> Case:
    """CalculateFeatureVectors with these fields; a function makes its value from what is given."""
    return _case("vectors", builders.calculate_feature_vectors, name, code, names, fields)


def training(name: str, code: Code, *names: str, **fields: Any) -> Case:
    return _case("training", builders.train_model, name, code, names, fields)


def batch(name: str, code: Code, *names: str, **fields: Any) -> Case:
    return _case("batch", builders.predict_properties, name, code, names, fields)


def single(name: str, code: Code, *names: str, **fields: Any) -> Case:
    return _case("single", builders.single_structure_predict, name, code, names, fields)


def _case(
    command: str,
    build: Callable[..., Command],
    name: str,
    code: Code,
    names: tuple[str, ...],
    fields: dict[str, Any],
) -> Case:
    return Case(command, name, code, names, lambda given: _made(build, given, fields))


def _made(build: Callable[..., Command], given: Given, fields: dict[str, Any]) -> Command:
    usual: dict[str, Any] = {"models": [given.model]}
    if build is not builders.single_structure_predict:
        usual["source"] = given.good
    if build in (builders.calculate_feature_vectors, builders.train_model):
        del usual["models"]
    made = {name: value(given) if callable(value) else value for name, value in fields.items()}
    empty = {name: () for name, value in made.items() if value == []}
    command = build(**{**usual, **{name: value for name, value in made.items() if name not in empty}})
    # Our own messages refuse an empty list; other people's programs do not.
    return command.model_copy(update=empty)


def missing(given: Given) -> BlobRef:
    return BlobRef(bucket="inputs", key="never/put.sdf")


def missing_model(given: Given) -> list[ModelRef]:
    return [ModelRef(id=uuid4(), blob=BlobRef(bucket="inputs", key="never/put.molmodel"))]


def nowhere(given: Given) -> BlobRef:
    return BlobRef(bucket="no-such-bucket", key="file.sdf")


def outside(given: Given) -> BlobRef:
    return BlobRef(bucket="inputs", key="../molfleet-state/anything")


def changed(**said: Any) -> Callable[[Given], BlobRef]:
    return lambda given: given.good.model_copy(update=said)


def holding(data: bytes, name: str) -> Callable[[Given], BlobRef]:
    return lambda given: given.file(data, name)
