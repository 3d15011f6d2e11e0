"""The contenders of a layer, with the same weights: PyTorch's modules, ONNX Runtime, and ours."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ensue import network
from ensue.learn.lstm import LSTM
from ensue.runtime.native_engine import NativeEngine

Floats = NDArray[np.float32]
HAS_ONNX = find_spec("onnx") is not None and find_spec("onnxruntime") is not None


def torch_lstm(inputs: int, hidden: int) -> nn.LSTM:
    """Time first: what oneDNN takes without turning it round, PyTorch's best case."""
    return nn.LSTM(inputs, hidden)


def own_lstm(lstm: nn.LSTM) -> LSTM:
    """Our module with the weights of PyTorch's, run by the native core."""
    own = LSTM(lstm.input_size, lstm.hidden_size)
    own.load_state_dict(lstm.state_dict())
    if own.back_end != "native":
        raise SystemExit(
            f"The module is run by {own.back_end}, expected the native core: unset ENSUE_LSTM, or build it."
        )
    return own


def engine_of(lstm: nn.LSTM, weights_as: str = "float32", threads: int = 1) -> NativeEngine:
    """Our runtime with the weights of PyTorch's module."""
    description = network.Network((network.LSTM(lstm.input_size, lstm.hidden_size),))
    weights = {f"layers.0.{name}": value.detach().numpy() for name, value in lstm.named_parameters()}
    return NativeEngine(description, weights, weights_as=weights_as, threads=threads)


def cell_of(lstm: nn.LSTM) -> nn.LSTMCell:
    """PyTorch's cell with the same weights."""
    cell = nn.LSTMCell(lstm.input_size, lstm.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})
    return cell


def plain_weights(lstm: nn.LSTM) -> tuple[Floats, Floats, Floats]:
    """weight_ih, weight_hh and the sum of the two biases."""
    weight_ih, weight_hh, bias_ih, bias_hh = (each.detach().numpy() for each in lstm.parameters())
    return weight_ih.copy(), weight_hh.copy(), bias_ih + bias_hh


def onnx_session(lstm: nn.LSTM, time: int, threads: int) -> Any:
    """ONNX Runtime with one LSTM node: x `(time, 1, inputs)`, h and c `(1, 1, hidden)` in; y, h and c out."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(_onnx_model(lstm, time), options, providers=["CPUExecutionProvider"])


def _onnx_model(lstm: nn.LSTM, time: int) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    inputs, hidden = lstm.input_size, lstm.hidden_size
    weight_ih, weight_hh, bias_ih, bias_hh = (_onnx_order(each) for each in lstm.parameters())
    kept = {"W": weight_ih, "R": weight_hh, "B": np.concatenate([bias_ih, bias_hh])}
    sizes = {"x": (time, 1, inputs), "h": (1, 1, hidden), "c": (1, 1, hidden)}
    outcomes = {"y": (time, 1, 1, hidden), "h_after": (1, 1, hidden), "c_after": (1, 1, hidden)}
    node = helper.make_node("LSTM", ["x", "W", "R", "B", "", "h", "c"], list(outcomes), hidden_size=hidden)
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in sizes.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outcomes.items()],
        [numpy_helper.from_array(np.ascontiguousarray(value[None]), name) for name, value in kept.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())


def _onnx_order(weight: Tensor) -> Floats:
    """PyTorch has the gates in the order i f g o, ONNX i o f g."""
    i, f, g, o = np.split(weight.detach().numpy(), 4)
    return np.concatenate([i, o, f, g])


class OnnxStep:
    """A step of ONNX Runtime over bound buffers, its fastest way from Python: two states, read and written in turn."""

    def __init__(self, lstm: nn.LSTM, threads: int) -> None:
        import onnxruntime

        self._session = onnx_session(lstm, 1, threads)
        hidden = lstm.hidden_size
        self.x = np.zeros((1, 1, lstm.input_size), np.float32)
        self._states = [[np.zeros((1, 1, hidden), np.float32) for _ in "hc"] for _ in range(2)]
        self._y = np.zeros((1, 1, 1, hidden), np.float32)
        value = onnxruntime.OrtValue.ortvalue_from_numpy  # over the array's own memory
        self._bindings = []
        for before, after in (self._states, self._states[::-1]):
            binding = self._session.io_binding()
            binding.bind_ortvalue_input("x", value(self.x))
            for name, given, taken in zip("hc", before, after, strict=True):
                binding.bind_ortvalue_input(name, value(given))
                binding.bind_ortvalue_output(f"{name}_after", value(taken))
            binding.bind_ortvalue_output("y", value(self._y))
            self._bindings.append(binding)
        self._steps = 0

    def step(self) -> None:
        """Read x, move the state on."""
        self._session.run_with_iobinding(self._bindings[self._steps & 1])
        self._steps += 1

    def hidden(self) -> Floats:
        """h after the last step."""
        return self._states[self._steps & 1][0].ravel()
