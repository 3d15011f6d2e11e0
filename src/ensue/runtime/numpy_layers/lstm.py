"""The LSTM in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ensue import network
from ensue.runtime.numpy_layers import passage as room
from ensue.runtime.numpy_layers.passage import Array, Passage, in_reverse, normalised, times
from ensue.runtime.numpy_layers.records import Record


class LSTM:
    """All layers and directions; time runs along the first axis inside, so that a step is one block of memory."""

    def __init__(self, layer: network.LSTM, weights: Mapping[str, Array]) -> None:
        self.layer = layer
        self.cells = [
            [_Cell(layer.hidden_size, suffix, weights) for suffix in layer.suffixes(each)]
            for each in range(layer.layers)
        ]

    def __call__(self, x: Array, passage: Passage) -> Array:
        h, c = self._begin(x, passage)
        records = [None if passage.records is None else next(passage.records) for _ in range(len(h))]
        if passage.lengths is None:
            _begin_records(records, c, None)
            output = self._run(x, h, c, None, records)
        else:  # longest row first: then the rows that go on at any step are one block of memory
            order = np.argsort(-passage.lengths, kind="stable")
            back = np.argsort(order)
            h, c = np.take(h, order, 1), np.take(c, order, 1)
            _begin_records(records, c, order)
            output = self._run(x[order], h, c, passage.lengths[order], records)
            output = passage.hide_padding(output[back])
            h, c = np.take(h, back, 1), np.take(c, back, 1)
        passage.after += (h, c)
        return output

    def _run(self, x: Array, h: Array, c: Array, lengths: Array | None, records: Sequence[Record | None]) -> Array:
        """Outputs for `x` `(batch, time, features)`; moves h and c on in place."""
        values, place = np.ascontiguousarray(x.transpose(1, 0, 2)), 0  # time x batch x features
        for position, cells in enumerate(self.cells):
            outputs = []
            for reverse, cell in enumerate(cells):
                ordered = in_reverse(values, lengths) if reverse else values
                output = _run_spans(cell, ordered, h[place], c[place], lengths, records[place])
                outputs.append(in_reverse(output, lengths) if reverse else output)
                place += 1
            joined = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=2)
            if self.layer.skips(position):
                joined += values
            values = joined
        return np.ascontiguousarray(values.transpose(1, 0, 2))

    def _begin(self, x: Array, passage: Passage) -> tuple[Array, Array]:
        """h and c before the first step; the call's own, to be moved on in place."""
        if passage.before is None:
            h, c = (np.zeros(shape, x.dtype) for shape in self.layer.state_shapes(x.shape[0]))
        else:
            h, c = (np.array(next(passage.before), x.dtype, order="C") for _ in "hc")
        return h, c


def _begin_records(records: Sequence[Record | None], c: Array, order: Array | None) -> None:
    for record, cell in zip(records, c, strict=True):
        if record is not None:
            record.begin(cell, order)


def _run_spans(cell: _Cell, x: Array, h: Array, c: Array, lengths: Array | None, record: Record | None) -> Array:
    """`cell.run`, a span of steps at a time in which the same rows go on; the longest rows come first."""
    if lengths is None:
        output = cell.run(x, h, c, record)
    else:
        output, start = np.zeros((*x.shape[:2], cell.size), x.dtype), 0
        for stop in np.unique(lengths):
            rows = np.count_nonzero(lengths >= stop)
            output[start:stop, :rows] = cell.run(x[start:stop, :rows], h[:rows], c[:rows], record)
            start = stop
    if record is not None:
        record.end(lengths)
    return output


class _Cell:
    """One layer in one direction; the equations are in `learn.reference`.

    The gates are stored as i, f, o, g, and what leads to i, f and o is halved, so that a single tanh serves all four:
    sigmoid(z) = (1 + tanh(z / 2)) / 2. Halving is exact.
    """

    def __init__(self, size: int, suffix: str, weights: Mapping[str, Array]) -> None:
        own = {name.removesuffix(suffix): array for name, array in weights.items() if name.endswith(suffix)}
        order = np.arange(4 * size).reshape(4, size)[[0, 1, 3, 2]].ravel()
        halves = np.repeat(np.array([0.5, 1.0], own["weight_hh"].dtype), [3 * size, size])
        self.size = size
        self.normalises = "gain_ih" in own
        scale = np.ones_like(halves) if self.normalises else halves  # a norm would undo it: there the gains are halved
        self.weight_ih = np.ascontiguousarray((own["weight_ih"][order] * scale[:, None]).T)  # features x 4*hidden
        self.weight_hh = np.ascontiguousarray((own["weight_hh"][order] * scale[:, None]).T)  # hidden x 4*hidden
        self.bias = (own["bias_ih"] + own["bias_hh"])[order] * halves
        if self.normalises:
            self.gain_ih, self.gain_hh = own["gain_ih"][order] * halves, own["gain_hh"][order] * halves
            self.gain_c, self.bias_c = own["gain_c"], own["bias_c"]

    def run(self, x: Array, h: Array, c: Array, record: Record | None = None) -> Array:
        """Hidden states `(time, batch, hidden)` for `x` `(time, batch, features)`; leaves the last h and c in place."""
        time, batch, _ = x.shape
        output = np.empty((time, batch, self.size), x.dtype)
        block = max(1, room.BLOCK // (batch * 4 * self.size))  # so many steps at once that memory stays bounded
        before = h
        for start in range(0, time, block):
            before = self._run_block(x[start : start + block], before, c, output[start : start + block], record)
        h[...] = before
        return output

    def _run_block(self, x: Array, h: Array, c: Array, output: Array, record: Record | None) -> Array:
        """Fills `output`, moves `c` on in place, returns the last h; what depends on x alone is done for all steps."""
        size, batch = self.size, x.shape[1]
        from_input = times(x, self.weight_ih)  # time x batch x 4*hidden
        if self.normalises:
            from_input = normalised(from_input)
            from_input *= self.gain_ih
        from_input += self.bias
        gates, scratch = np.empty((batch, 4 * size), x.dtype), np.empty((batch, size), x.dtype)
        ifo, i, f = gates[:, : 3 * size], gates[:, :size], gates[:, size : 2 * size]
        o, g = gates[:, 2 * size : 3 * size], gates[:, 3 * size :]
        for sums, shown in zip(from_input, output, strict=True):
            np.dot(h, self.weight_hh, gates)
            if self.normalises:
                gates[...] = normalised(gates) * self.gain_hh
            np.add(gates, sums, gates)
            np.tanh(gates, gates)
            np.multiply(ifo, 0.5, ifo)
            np.add(ifo, 0.5, ifo)
            np.multiply(c, f, c)
            np.multiply(i, g, scratch)
            np.add(c, scratch, c)
            np.tanh(self._shown(c), scratch)
            np.multiply(o, scratch, shown)
            h = shown
            if record is not None:
                record.step(i, f, g, o, c, h)
        return h

    def _shown(self, c: Array) -> Array:
        return normalised(c) * self.gain_c + self.bias_c if self.normalises else c
