"""Only models whose signature the settings want are used, for files and for single structures."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.bundles.archive import write_bundle
from molfleet.bundles.signatures import Trust
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import make
from tests.unit.bundles.keys import signer
from tests.unit.predictor.asking import BUTANOL, answered, ask, failed
from tests.unit.predictor.contexts import FilesLightContext
from tests.unit.predictor.runs import Run
from workers.predictor.single import Resident


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """`ours` and `foreign`, signed with the keys of these names, and `bare`, not signed."""
    folder = tmp_path / "models"
    folder.mkdir()
    bare = make(folder / "bare")
    for name in ("ours", "foreign"):
        write_bundle(folder / name, bare.manifest, bare.parts, signer=signer(tmp_path, name))
    return folder


@pytest.fixture
def ours(tmp_path: Path) -> Trust:
    return signer(tmp_path).trust


def test_a_file_is_predicted_with_trusted_models_only(models: Path, ours: Trust, tmp_path: Path) -> None:
    run = Run(tmp_path, models, trust=ours)
    assert run("CCO\n", "ours").predicted == 1
    for name, told in (("foreign", "which is not trusted"), ("bare", "it is not signed")):
        with pytest.raises(Rejected, match=told) as caught:
            run("CCO\n", "ours", name)
        assert caught.value.code is Code.INVALID_MODEL
        assert f"/{name} (" in caught.value.message


def test_a_single_structure_is_predicted_with_trusted_models_only(
    models: Path, ours: Trust, tmp_path: Path
) -> None:
    context = FilesLightContext(models, tmp_path, trust=ours)
    context.resident = Resident(context)
    assert answered(context, ask(BUTANOL, "ours"))
    for name, told in (("foreign", "which is not trusted"), ("bare", "it is not signed")):
        event = failed(context, ask(BUTANOL, name))
        assert event.code == Code.INVALID_MODEL
        assert told in event.message
