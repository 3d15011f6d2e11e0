// How one LSTM layer lies in memory: packed weights, what training keeps, and how a batch is divided.
//
// Units are taken V at a time. A block of V units has its four gates side by side, for each k of [h; x]: i[V] f[V] g[V] o[V].
// So the gates of a unit finish in registers together, and a step needs no round trip through memory.
#ifndef ENSUE_LSTM_LAYOUT_H
#define ENSUE_LSTM_LAYOUT_H

#include "ensue_core.h"
#include "matrix.h"
#include "threads.h"

namespace {

constexpr int GATES = 4 * V;

struct Shape {
  int64_t input, hidden;

  bool below_one() const { return input < 1 || hidden < 1; }
  bool fits() const {
    const double gates = 4 * (static_cast<double>(hidden) + 64);
    return gates * (static_cast<double>(hidden) + static_cast<double>(input) + 64) * sizeof(real) < MOST_WEIGHTS;
  }
  int64_t blocks() const { return (hidden + V - 1) / V; }
  int64_t padded() const { return blocks() * V; }          // units, with those that fill the last block
  int64_t gates() const { return blocks() * GATES; }       // numbers of all gates of a row
  int64_t depth() const { return hidden + input; }         // inputs of a gate
};

// Packed for the way forward: biases, scales (int8 alone), then block after block, h before x.
// What leads to i, f and o is halved: sigmoid(z) = 1/2 + tanh(z / 2) / 2.
struct Packed {
  const real *bias, *scales;
  const void *elements;

  static size_t head(Shape shape, int32_t storage) {
    return aligned(static_cast<size_t>(shape.gates()) * sizeof(real)) * (storage == ENSUE_INT8 ? 2 : 1);
  }
  static size_t bytes(Shape shape, int32_t storage) {
    return head(shape, storage) + aligned(static_cast<size_t>(shape.gates() * shape.depth()) * element_bytes(storage));
  }
  static Packed of(const void *weights, Shape shape, int32_t storage) {
    const char *base = static_cast<const char *>(weights);
    const size_t one = aligned(static_cast<size_t>(shape.gates()) * sizeof(real));
    return {reinterpret_cast<const real *>(base),
            storage == ENSUE_INT8 ? reinterpret_cast<const real *>(base + one) : nullptr, base + head(shape, storage)};
  }
};

constexpr int64_t TILE = 16;  // a line of memory: matrices are turned round in squares, so that none is fetched twice

// One gate of one block: `units` rows of a matrix, `columns` long, become vectors of units GATES apart.
void pack_gate(const real *from, int64_t columns, int64_t units, real factor, real *to) {
  alignas(64) real tile[TILE][V] = {};
  for (int64_t k = 0; k < columns; k += TILE) {
    const int64_t count = smaller(TILE, columns - k);
    for (int64_t unit = 0; unit < units; ++unit)
      for (int64_t each = 0; each < count; ++each) tile[each][unit] = from[unit * columns + k + each];
    for (int64_t each = 0; each < count; ++each) store(to + (k + each) * GATES, load(tile[each]) * factor);
  }
}

// And back: vectors of units `from_stride` apart become rows.
void unpack_gate(const real *from, int64_t from_stride, int64_t columns, int64_t units, real *to) {
  alignas(64) real tile[TILE][V];
  for (int64_t k = 0; k < columns; k += TILE) {
    const int64_t count = smaller(TILE, columns - k);
    for (int64_t each = 0; each < count; ++each) store(tile[each], load(from + (k + each) * from_stride));
    for (int64_t unit = 0; unit < units; ++unit)
      for (int64_t each = 0; each < count; ++each) to[unit * columns + k + each] = tile[each][unit];
  }
}

// The same one row at a time, in fewer bits; returns what a whole number counts.
real pack_reduced(const real *h, const real *x, Shape shape, real half, int32_t storage, void *elements, int64_t start) {
  const real h_most = largest_of(h, shape.hidden), x_most = largest_of(x, shape.input);
  const real scale = storage == ENSUE_INT8 ? (h_most > x_most ? h_most : x_most) / 127 : 0;
  const real factor = storage == ENSUE_INT8 ? real(1) : half;
  for (int64_t k = 0; k < shape.hidden; ++k) put(elements, start + k * GATES, h[k] * factor, storage, scale);
  for (int64_t k = 0; k < shape.input; ++k)
    put(elements, start + (shape.hidden + k) * GATES, x[k] * factor, storage, scale);
  return scale * half;
}

int lstm_pack(int64_t input_size, int64_t hidden_size, const void *weight_ih, const void *weight_hh, const void *bias,
              int32_t storage, void *packed) {
  const Shape shape = {input_size, hidden_size};
  if (shape.below_one() || !shape.fits()) return ENSUE_BAD_SHAPE;
  if (!storage_known(storage)) return ENSUE_BAD_STORAGE;
  const real *from_x = static_cast<const real *>(weight_ih), *from_h = static_cast<const real *>(weight_hh);
  if (shape.padded() != shape.hidden || storage != ENSUE_FULL) memset(packed, 0, Packed::bytes(shape, storage));
  real *biases = static_cast<real *>(packed);
  real *scales = biases + aligned(static_cast<size_t>(shape.gates()) * sizeof(real)) / sizeof(real);
  char *elements = static_cast<char *>(packed) + Packed::head(shape, storage);
  for (int64_t block = 0; block < shape.blocks(); ++block)
    for (int64_t gate = 0; gate < 4; ++gate) {
      const real half = gate == 2 ? real(1) : real(0.5);
      const int64_t units = smaller(V, hidden_size - block * V), row = gate * hidden_size + block * V;
      const int64_t start = block * shape.depth() * GATES + gate * V;
      const real *h = from_h + row * hidden_size, *x = from_x + row * input_size;
      for (int64_t unit = 0; unit < units; ++unit) {
        const int64_t lane = block * GATES + gate * V + unit;
        biases[lane] = static_cast<const real *>(bias)[row + unit] * half;
        if (storage == ENSUE_FULL) continue;
        const real scale =
            pack_reduced(h + unit * hidden_size, x + unit * input_size, shape, half, storage, elements, start + unit);
        if (storage == ENSUE_INT8) scales[lane] = scale;
      }
      if (storage != ENSUE_FULL) continue;
      real *to = reinterpret_cast<real *>(elements) + start;
      pack_gate(h, hidden_size, units, half, to);
      pack_gate(x, input_size, units, half, to + hidden_size * GATES);
    }
  return ENSUE_OK;
}

// A part of the batch, for one thread: its rows, longest first, so that those still running are always the first ones.
struct Part {
  int64_t rows, steps;         // steps: of the longest row
  const int64_t *row;          // which rows of the batch
  const int64_t *active;       // steps: rows still running
  const int64_t *before;       // steps + 1: running rows of all steps before, the place of a step's rows in a reserve

  int64_t total() const { return before[steps]; }
};

constexpr int MOST_PARTS = 64;
#if !defined(ENSUE_WORTH_A_THREAD)
#define ENSUE_WORTH_A_THREAD 6e6
#endif
constexpr double WORTH_A_THREAD = ENSUE_WORTH_A_THREAD;  // multiplications a thread has to have before starting it pays

// Into how many parts a call is divided: it depends on the call's sizes alone, so that results do.
inline int parts_of(const ensue_lstm_call &call) {
  const Shape shape = {call.input_size, call.hidden_size};
  const double weights = 4.0 * static_cast<double>(shape.hidden) * static_cast<double>(shape.depth());
  const double work = weights * static_cast<double>(call.batch) * static_cast<double>(call.time);
  const double paying = work / WORTH_A_THREAD;
  int64_t parts = smaller(call.threads, MOST_PARTS);
  if (paying < static_cast<double>(parts)) parts = static_cast<int64_t>(paying);
  return static_cast<int>(larger(1, smaller(parts, call.batch)));
}

inline int64_t rows_of_part(const ensue_lstm_call &call, int parts, int part) {
  return (call.batch + parts - 1 - part) / parts;
}

// Sorts the rows by length and deals them out, so that every part has about as many steps.
inline void divide(const ensue_lstm_call &call, int parts, Part *result, Arena &arena) {
  int64_t *order = arena.take<int64_t>(call.batch);
  int64_t *dealt = arena.take<int64_t>(call.batch);
  int64_t *active = arena.take<int64_t>(parts * call.time);
  int64_t *before = arena.take<int64_t>(parts * (call.time + 1));
  if (!arena.base) return;
  ensue_order_by_length(call.lengths, call.batch, order);
  for (int part = 0; part < parts; ++part) {
    Part &own = result[part];
    own.rows = rows_of_part(call, parts, part);
    int64_t *rows = dealt, *running = active + part * call.time, *offsets = before + part * (call.time + 1);
    dealt += own.rows;
    for (int64_t each = 0; each < own.rows; ++each) rows[each] = order[each * parts + part];
    own.steps = call.lengths ? call.lengths[rows[0]] : call.time;
    int64_t left = own.rows;
    offsets[0] = 0;
    for (int64_t t = 0; t < own.steps; ++t) {
      if (call.lengths)
        while (left > 0 && call.lengths[rows[left - 1]] <= t) --left;
      running[t] = left;
      offsets[t + 1] = offsets[t] + left;
    }
    own.row = rows;
    own.active = running;
    own.before = offsets;
  }
}

// The step of the sequence that a row reads at time t.
inline int64_t place_of(const ensue_lstm_call &call, int64_t row, int64_t t) {
  if (!call.reverse) return t;
  return (call.lengths ? call.lengths[row] : call.time) - 1 - t;
}

// What training keeps of a part. h and c begin with the rows before the first step.
struct Reserve {
  real *gates, *h, *c, *x;

  static Reserve of(Arena &arena, Shape shape, int64_t rows, int64_t total) {
    return {arena.take<real>(total * shape.gates()), arena.take<real>((rows + total) * shape.padded()),
            arena.take<real>((rows + total) * shape.padded()), arena.take<real>(total * shape.input)};
  }
  static size_t bytes(Shape shape, int64_t rows, int64_t total) {
    Arena arena = {nullptr};
    of(arena, shape, rows, total);
    return arena.used;
  }
};

inline int64_t total_of(const ensue_lstm_call &call) {
  if (!call.lengths) return call.batch * call.time;
  int64_t total = 0;
  for (int64_t row = 0; row < call.batch; ++row) total += call.lengths[row];
  return total;
}

inline bool below_one(const ensue_lstm_call &call) {
  return call.input_size < 1 || call.hidden_size < 1 || call.batch < 1 || call.time < 1;
}

// Whether no buffer that a call can ask for has more bytes than a whole number holds.
inline bool fits(const ensue_lstm_call &call) {
  const Shape shape = {call.input_size, call.hidden_size};
  const double rows = (static_cast<double>(call.batch) + MOST_PARTS) * (static_cast<double>(call.time) + MOST_PARTS);
  const double numbers = 6 * (static_cast<double>(call.hidden_size) + 64) + static_cast<double>(call.input_size);
  return shape.fits() && rows * numbers * sizeof(real) < MOST_BYTES;
}

inline int check_call(const ensue_lstm_call &call, int64_t least_length = 1) {
  if (below_one(call) || !fits(call)) return ENSUE_BAD_SHAPE;
  if (!storage_known(call.storage)) return ENSUE_BAD_STORAGE;
  if ((call.reserve != nullptr) + (call.trace != nullptr) + (call.sums != nullptr) > 1) return ENSUE_BAD_RECORD;
  for (int64_t row = 0; call.lengths && row < call.batch; ++row)
    if (call.lengths[row] < least_length || call.lengths[row] > call.time) return ENSUE_BAD_LENGTH;
  return ENSUE_OK;
}

size_t lstm_reserve_bytes(const ensue_lstm_call *call) {
  if (below_one(*call)) return 0;
  if (check_call(*call) != ENSUE_OK) return NO_SIZE;
  // Rounding each of four arrays of each part up to a multiple of 64 bytes is all that dividing adds.
  const Shape shape = {call->input_size, call->hidden_size};
  return Reserve::bytes(shape, call->batch, total_of(*call)) + static_cast<size_t>(parts_of(*call)) * 4 * 64;
}

}  // namespace
#endif
