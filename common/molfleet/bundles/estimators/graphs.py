"""Which ONNX graphs a bundle may hold: what the arithmetic of models needs, judged before it is loaded.

Operators are those of a list; nothing lies outside the graph, nothing loops, and no value of a row can
grow beyond a small multiple of the graph's own widths: a hostile graph can waste no more than a large
model would. The fields are those of onnx.proto (https://github.com/onnx/onnx, IR version 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

MAX_NODES = 256
#: Columns of any value.
MAX_WIDTH = 1 << 17
#: Each may double a value's width.
MAX_CONCATENATIONS = 4

_ML = b"ai.onnx.ml"
#: Of two inputs, which broadcast.
_PAIRS = frozenset({b"Add", b"Sub", b"Mul", b"Div", b"Greater", b"GreaterOrEqual"})
_OPERATORS = {
    b"": _PAIRS
    | {b"Cast", b"Identity", b"Relu", b"Sigmoid", b"Softmax", b"Tanh"}
    | {b"ArgMax", b"Concat", b"CumSum", b"Gather", b"GatherElements", b"MatMul", b"TopK"},
    _ML: frozenset(
        {b"LinearClassifier", b"LinearRegressor", b"Normalizer"}
        | {b"TreeEnsemble", b"TreeEnsembleClassifier", b"TreeEnsembleRegressor"}
    ),
}
_DEFAULT_DOMAIN = b"ai.onnx"

_BYTES, _INT, _MESSAGE = (
    descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
)
_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
#: Message -> field -> number and type, all repeated: a field that is there twice is seen. Of the rest
#: (weights, thresholds) nothing is unpacked.
_FIELDS: Mapping[str, Mapping[str, tuple[int, int | str]]] = {
    "Model": {"graph": (7, "Graph"), "training": (20, _BYTES), "functions": (25, _BYTES)},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse": (15, _BYTES)},
    "Node": {
        "input": (1, _BYTES),
        "op_type": (4, _BYTES),
        "attribute": (5, "Attribute"),
        "domain": (7, _BYTES),
    },
    "Attribute": {
        "name": (1, _BYTES),
        "i": (3, _INT),
        "t": (5, "Tensor"),
        "g": (6, _BYTES),
        "tensors": (10, _BYTES),
        "graphs": (11, _BYTES),
        "sparse_tensor": (22, _BYTES),
        "sparse_tensors": (23, _BYTES),
    },
    "Tensor": {
        "dims": (1, _INT),
        "name": (8, _BYTES),
        "external_data": (13, _BYTES),
        "location": (14, _INT),
    },
}


@cache
def _model() -> Any:
    """The message class that reads the fields above and skips all others."""
    file = descriptor_pb2.FileDescriptorProto(name="molfleet/graphs.proto", package="g", syntax="proto2")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            told = message.field.add(name=field, number=number, label=_REPEATED)
            if isinstance(kind, str):
                told.type, told.type_name = _MESSAGE, f".g.{kind}"
            else:
                told.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("g.Model"))


def check_graph(data: bytes) -> None:
    """Raises ValueError with what no graph of a bundle has."""
    try:
        model = _model().FromString(data)
    except DecodeError:
        raise ValueError("it is not an ONNX graph") from None
    if len(model.graph) != 1 or model.functions or model.training:
        raise ValueError("it is more than one ONNX graph")
    (graph,) = model.graph
    if graph.sparse:
        raise ValueError("it has sparse constants")
    for tensor in graph.initializer:
        _check_tensor(tensor, len(data))
    ranks = {tensor.name[-1]: len(tensor.dims) for tensor in graph.initializer if tensor.name}
    if len(graph.node) > MAX_NODES:
        raise ValueError(f"it has {len(graph.node)} operators, more than {MAX_NODES}")
    if sum(node.op_type[-1:] == [b"Concat"] for node in graph.node) > MAX_CONCATENATIONS:
        raise ValueError(f"it has more than {MAX_CONCATENATIONS} operators Concat")
    for node in graph.node:
        _check_node(node, ranks, len(data))


def _check_node(node: Any, ranks: Mapping[bytes, int], size: int) -> None:
    operator, domain = (b"".join(texts[-1:]) for texts in (node.op_type, node.domain))
    told = operator.decode("ascii", "replace")[:40]
    if operator not in _OPERATORS.get(b"" if domain == _DEFAULT_DOMAIN else domain, ()):
        raise ValueError(f"it has the operator {told!r}, which no bundle has")
    for attribute in node.attribute:
        if attribute.g or attribute.graphs:
            raise ValueError(f"its operator {told} holds a graph of its own")
        if attribute.tensors or attribute.sparse_tensor or attribute.sparse_tensors:
            raise ValueError(f"its operator {told} holds tensors that no bundle has")
        for tensor in attribute.t:
            _check_tensor(tensor, size)
        if b"n_targets" in attribute.name and max(attribute.i, default=0) > MAX_WIDTH:
            raise ValueError(f"its operator {told} has more than {MAX_WIDTH} outputs")
    constants = [ranks.get(name) for name in node.input]
    if not _keeps_rank(operator, constants):
        raise ValueError(f"its operator {told} has constants of a form that no bundle has")


def _keeps_rank(operator: bytes, constants: list[int | None]) -> bool:
    """Whether values stay tables of rows; `constants` are the inputs' ranks, None for computed ones."""
    if operator == b"MatMul":
        return constants == [None, 2]
    known = [rank for rank in constants if rank is not None]
    if operator == b"Gather":
        return len(known) == 1 and known[0] <= 1
    if operator == b"Concat" and len(constants) > 2:
        return False
    return all(rank <= 1 for rank in known)


def _check_tensor(tensor: Any, size: int) -> None:
    if tensor.external_data or any(tensor.location):
        raise ValueError("it refers to files outside the bundle")
    count = 1
    for length in tensor.dims:
        if not 0 <= length <= size:
            raise ValueError("it has a constant of a size that it does not hold")
        count *= length
    # Elements take half a byte at least.
    if count > 2 * size or (len(tensor.dims) == 2 and tensor.dims[1] > MAX_WIDTH):
        raise ValueError("it has a constant of a size that it does not hold, or that is too wide")
