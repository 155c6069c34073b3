from __future__ import annotations

import numpy as np
import onnx
import pytest
from google.protobuf.message import EncodeError

from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import INPUT_NAME
from workers.modeler.algorithms.onnx_graphs import Graph


def made(**limit: int) -> bytes:
    graph = Graph()
    return graph.model(graph.affine(INPUT_NAME, np.ones((4, 1), np.float32), np.zeros(1)), 4, 1, **limit)


def test_a_graph_that_no_bundle_can_hold_is_refused_with_its_size() -> None:
    size = len(made())
    assert len(made(max_bytes=size)) == size
    with pytest.raises(Rejected) as caught:
        made(max_bytes=size - 1)
    assert caught.value.code == Code.RESULT_TOO_LARGE
    assert f"takes {size:,} bytes, and a bundle holds at most {size - 1:,}" in caught.value.message


def test_a_graph_that_protobuf_cannot_even_write_is_refused_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond 2 GiB it says so without a size."""

    class Endless:
        def SerializeToString(self, deterministic: bool) -> bytes:  # noqa: N802
            raise EncodeError("Failed to serialize proto")

    monkeypatch.setattr(onnx.helper, "make_model", lambda *_, **__: Endless())
    with pytest.raises(Rejected, match="takes more than 2 GiB, and a bundle holds at most") as caught:
        made()
    assert caught.value.code == Code.RESULT_TOO_LARGE
