"""Whatever an author puts into a part of a bundle, digests in order: it is refused, or it is a model."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molfleet.bundles.archive import OpenBundle, open_bundle, write_bundle
from molfleet.bundles.arrays import pack, unpack
from molfleet.bundles.features import Toolbox
from molfleet.bundles.predict import load_model
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import EnsembleMember
from tests.unit.modeler.support import ECFP, Directory, command, molecules
from workers.modeler.training import train

pytestmark = pytest.mark.worker

LIMIT = 1 << 28
TOOLS = Toolbox()
#: What each kind of part is made of: trees, a kernel, neighbours.
MEMBERS = (
    EnsembleMember(method="randomforest", hyper_parameters={"n_estimators": 5}),
    EnsembleMember(method="supportvectormachine"),
    EnsembleMember(method="nearestneighbors"),
)


def _trained(root: Path, *, classes: bool) -> OpenBundle:
    context = Directory(root)
    source = molecules(root, 60, classes=classes)
    ensemble = command(
        source, method="stacking", members=MEMBERS, featurizers=(ECFP,), hyper_parameters={}, scaler=None
    )
    return open_bundle(context.fetch(train(ensemble, context).model), max_bytes=LIMIT)


@pytest.fixture(scope="module", params=["classes", "values"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenBundle:
    return _trained(tmp_path_factory.mktemp("hostile"), classes=request.param == "classes")


def sentence(error: Rejected) -> str:
    assert error.code is Code.INVALID_MODEL
    return error.message


def loaded(bundle: OpenBundle, name: str, data: bytes) -> str:
    """What loading the bundle with another part says: "" for a model that can be used."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.molmodel"
        write_bundle(path, bundle.manifest, {**bundle.parts, name: data})
        try:
            model = load_model(path, max_bytes=LIMIT, tools=TOOLS)
        except Rejected as error:
            return sentence(error)
    features = np.zeros((2, model.manifest.n_features), np.float32)
    model.predict(features, np.zeros((2, 256), np.uint8), 0.9)
    return ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    part=st.integers(0, 100),
    place=st.floats(0, 1, exclude_max=True),
    near_the_head=st.booleans(),
    replacement=st.binary(min_size=1, max_size=8),
)
def test_other_bytes_in_any_part_are_refused_or_make_a_model(
    bundle: OpenBundle, part: int, place: float, near_the_head: bool, replacement: bytes
) -> None:
    names = sorted(bundle.parts)
    name = names[part % len(names)]
    data = bundle.parts[name]
    start = int(place * (min(len(data), 512) if near_the_head else len(data)))
    loaded(bundle, name, data[:start] + replacement + data[start + len(replacement) :])


def test_a_part_cut_short_or_empty_or_of_another_kind_is_refused(bundle: OpenBundle) -> None:
    parts = {name: data for name, data in bundle.parts.items() if not name.endswith((".tsv", ".txt"))}
    for name, data in parts.items():
        other = next(two for one, two in parts.items() if one.rpartition(".")[2] != name.rpartition(".")[2])
        for hostile in (b"", data[: len(data) // 2], data[:-1], other):
            assert f"part {name}" in loaded(bundle, name, hostile)


def tensors_claiming(length: int) -> bytes:
    header = b'{"rows":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (length, length)
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    "data",
    [
        tensors_claiming(1 << 60),
        tensors_claiming(1 << 34),
        struct.pack("<Q", 1 << 62),
        struct.pack("<Q", 99 << 20) + b"{}",
        b'\x0a\x00\x00\x00\x00\x00\x00\x00{"a":' + b"[" * 100_000,
    ],
)
def test_tensors_that_claim_more_than_they_hold_are_refused(bundle: OpenBundle, data: bytes) -> None:
    kept = [name for name in bundle.parts if name.endswith("safetensors")]
    assert kept
    assert f"part {kept[0]}" in loaded(bundle, kept[0], data)


@pytest.mark.parametrize("shape", ["(1152921504606846976,)", "(4294967296, 4294967296)", "(-1,)", "(2.5,)"])
def test_arrays_that_claim_more_than_they_hold_are_refused(bundle: OpenBundle, shape: str) -> None:
    for name in [name for name in bundle.parts if name.endswith("npz")]:
        key, array = next(iter(unpack(bundle.parts[name]).items()))
        data = pack({key: array})
        told = str(array.shape).encode()
        header = data.index(b"'shape': " + told)
        hostile = data[: header + 9] + shape.encode() + data[header + 9 + len(told) :]
        assert f"part {name}" in loaded(bundle, name, hostile)


def test_arrays_of_other_sizes_types_or_without_a_number_are_refused_or_make_a_model(
    bundle: OpenBundle,
) -> None:
    for name in [name for name in bundle.parts if name.endswith("npz")]:
        arrays = unpack(bundle.parts[name])
        for key, array in arrays.items():
            for hostile in (
                array[:0],
                array[:-1],
                array.ravel(),
                array[..., np.newaxis],
                array.astype(np.complex64).real.astype(np.int8),
                np.full_like(array, -1) if array.dtype.kind != "u" else array,
                np.full(array.shape, np.nan),
                np.full(array.shape, np.inf),
                np.full(array.shape, -1e300),
            ):
                loaded(bundle, name, pack({**arrays, key: hostile}))
            loaded(bundle, name, pack({k: v for k, v in arrays.items() if k != key}))
