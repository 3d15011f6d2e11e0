// Backward through time. In the loop over time only what has to wait for the next step is done: the gradients of the gates and
// of h. They are kept for a chunk of steps, and what remains are three large products: of x, and of the two matrices.
#ifndef ENSUE_LSTM_BACKWARD_H
#define ENSUE_LSTM_BACKWARD_H

#include "lstm_sequence.h"

namespace {

constexpr int64_t CHUNK_ROWS = 192;  // rows of a chunk: enough to pay for reading and writing the sums of the matrices

// Packed for the way back: W_hh and W_ih turned round, from the gates in the order of their blocks to h, and to x.
struct PackedBack {
  const void *to_h, *to_x;

  static size_t h_bytes(Shape shape) { return matrix_bytes(shape.hidden, shape.gates(), ENSUE_FULL); }
  static size_t x_bytes(Shape shape) { return matrix_bytes(shape.input, shape.gates(), ENSUE_FULL); }
  static PackedBack of(const void *weights, Shape shape) {
    return {weights, static_cast<const char *>(weights) + h_bytes(shape)};
  }
};

size_t lstm_back_bytes(int64_t input_size, int64_t hidden_size) {
  const Shape shape = {input_size, hidden_size};
  if (shape.below_one()) return 0;
  return shape.fits() ? PackedBack::h_bytes(shape) + PackedBack::x_bytes(shape) : NO_SIZE;
}

// Where number `k` of the gates in the order of blocks stands in PyTorch's order; -1 where it only fills a block.
inline int64_t gate_row(Shape shape, int64_t k) {
  const int64_t unit = k / GATES * V + k % V, gate = k % GATES / V;
  return unit < shape.hidden ? gate * shape.hidden + unit : -1;
}

void pack_turned(Shape shape, const real *w, int64_t n, void *packed) {
  const Matrix matrix = {n, shape.gates(), ENSUE_FULL};
  real *elements = static_cast<real *>(packed);
  memset(packed, 0, matrix.bytes());
  for (int64_t panel = 0; panel * PANEL < matrix.vectors(); ++panel) {
    const int64_t width = smaller(PANEL, matrix.vectors() - panel * PANEL) * V, first = panel * PANEL * V;
    const size_t bytes = static_cast<size_t>(smaller(width, n - first)) * sizeof(real);
    for (int64_t k = 0; k < shape.gates(); ++k) {
      const int64_t row = gate_row(shape, k);
      if (row >= 0) memcpy(elements + first * shape.gates() + k * width, w + row * n + first, bytes);
    }
  }
}

int lstm_pack_back(int64_t input_size, int64_t hidden_size, const void *weight_ih, const void *weight_hh, void *packed) {
  const Shape shape = {input_size, hidden_size};
  if (shape.below_one() || !shape.fits()) return ENSUE_BAD_SHAPE;
  pack_turned(shape, static_cast<const real *>(weight_hh), hidden_size, packed);
  pack_turned(shape, static_cast<const real *>(weight_ih), input_size, static_cast<char *>(packed) + PackedBack::h_bytes(shape));
  return ENSUE_OK;
}

// The buffers of a part on the way back.
struct Back {
  real *dgates;                    // blocks x room x GATES: of the rows of a chunk of steps
  real *dh, *dc;                   // rows x padded
  real *dx;                        // room x input
  real *dmatrix, *dbias;           // (hidden + input) x gates, and gates: sums over the part
  int64_t room, chunk;

  static Back of(Arena &arena, const ensue_lstm_call &call, int64_t rows, bool wants_dx) {
    const Shape shape = {call.input_size, call.hidden_size};
    Back own;
    own.chunk = larger(1, smaller(call.time, CHUNK_ROWS / rows));
    own.room = own.chunk * rows;
    own.dgates = arena.take<real>(own.room * shape.gates());
    own.dh = arena.take<real>(rows * shape.padded());
    own.dc = arena.take<real>(rows * shape.padded());
    own.dx = wants_dx ? arena.take<real>(own.room * shape.input) : nullptr;
    own.dmatrix = arena.take<real>(shape.depth() * shape.gates());
    own.dbias = arena.take<real>(shape.gates());
    return own;
  }
};

// Gradients of the gates' sums at one step, of one block of units; dc moves on to the step before.
void step_back(const ensue_lstm_gradient_call &call, const Part &part, const Reserve &kept, const Back &own, int64_t t,
               int64_t block, int64_t at) {
  const Shape shape = {call.forward.input_size, call.forward.hidden_size};
  const int64_t padded = shape.padded(), first = block * V, units = shape.hidden - first;
  const real *gates = kept.gates + part.before[t] * shape.gates() + block * GATES;
  const real *c = kept.c + (part.rows + part.before[t]) * padded + first;
  const real *c_before = kept.c + (t == 0 ? 0 : part.rows + part.before[t - 1]) * padded + first;
  const real *dy = static_cast<const real *>(call.dy);
  real *dgates = own.dgates + (block * own.room + at) * GATES;
  vec sums[4] = {};
  for (int64_t r = 0; r < part.active[t]; ++r) {
    const vec i = load(gates), f = load(gates + V), g = load(gates + 2 * V), o = load(gates + 3 * V);
    const vec shown = tanh_of(load(c + r * padded));
    vec dh = load(own.dh + r * padded + first), dc = load(own.dc + r * padded + first);
    if (dy) {
      const int64_t row = part.row[r];
      dh += load_part(dy + row * call.dy_batch_stride + place_of(call.forward, row, t) * call.dy_time_stride + first, units);
    }
    dc += dh * o * (1 - shown * shown);
    const vec di = dc * g * i * (1 - i), df = dc * load(c_before + r * padded) * f * (1 - f);
    const vec dg = dc * i * (1 - g * g), d_o = dh * shown * o * (1 - o);
    store(own.dc + r * padded + first, dc * f);
    store(dgates, di);
    store(dgates + V, df);
    store(dgates + 2 * V, dg);
    store(dgates + 3 * V, d_o);
    sums[0] += di;
    sums[1] += df;
    sums[2] += dg;
    sums[3] += d_o;
    gates += shape.gates();
    dgates += GATES;
  }
  real *dbias = own.dbias + block * GATES;
  for (int each = 0; each < 4; ++each) store(dbias + each * V, load(dbias + each * V) + sums[each]);
}

// y (rows x n) = the gates' gradients of some rows of the chunk times a turned matrix.
void times_turned(Shape shape, const Back &own, int64_t at, int64_t rows, const void *packed, int64_t n, real *y,
                  int64_t y_stride) {
  const Matrix matrix = {n, shape.gates(), ENSUE_FULL};
  const Product product = {own.dgates + at * GATES, GATES, GATES, own.room * GATES, shape.blocks(), rows, nullptr, nullptr,
                           y, y_stride, n, false};
  product_panels<Full>(product, static_cast<const char *>(packed) + matrix.head(), shape.gates());
}

// The rows of a chunk fall into runs in which rows of gates and rows of inputs both follow each other.
struct Run {
  const real *dgates, *a;
  int64_t rows;
};

// dmatrix[k][block] += sum over rows of a[row][k] * dgates[row][block], for COUNT inputs k at once.
template <int COUNT>
void add_outer(const Run *runs, int64_t count, int64_t a_stride, int64_t k, real *to, int64_t to_stride) {
  vec acc[COUNT][4];
#pragma GCC unroll 16
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 16
    for (int each = 0; each < 4; ++each) acc[r][each] = load(to + r * to_stride + each * V);
  for (int64_t run = 0; run < count; ++run)
    accumulate_outer<COUNT, 4>(acc, runs[run].dgates, runs[run].a + k, a_stride, runs[run].rows);
#pragma GCC unroll 16
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 16
    for (int each = 0; each < 4; ++each) store(to + r * to_stride + each * V, acc[r][each]);
}

template <int COUNT>
void add_outers(const Run *runs, int64_t count, int64_t inputs, int64_t k, real *to, int64_t to_stride, int64_t a_stride) {
  for (; k + COUNT <= inputs; k += COUNT) add_outer<COUNT>(runs, count, a_stride, k, to + k * to_stride, to_stride);
  if constexpr (COUNT > 1)
    if (k < inputs) add_outers<(COUNT > 4 ? 4 : COUNT - 1)>(runs, count, inputs, k, to, to_stride, a_stride);
}

constexpr int64_t MOST_RUNS = CHUNK_ROWS;

// Adds what the steps first .. first + steps - 1 say of both matrices.
void add_matrices(Shape shape, const Part &part, const Reserve &kept, const Back &own, int64_t first, int64_t steps) {
  Run runs[MOST_RUNS];
  const int64_t padded = shape.padded(), start = part.before[first];
  int64_t count = 0, after = -1;
  for (int64_t t = first; t < first + steps; ++t) {
    const int64_t place = t == 0 ? 0 : part.rows + part.before[t - 1];
    if (place == after) {
      runs[count - 1].rows += part.active[t];
    } else {
      runs[count++] = {own.dgates + (part.before[t] - start) * GATES, kept.h + place * padded, part.active[t]};
    }
    after = place + part.active[t];
  }
  const Run all_x = {own.dgates, kept.x + start * shape.input, part.before[first + steps] - start};
  for (int64_t block = 0; block < shape.blocks(); ++block) {
    real *to = own.dmatrix + block * GATES;
    Run here[MOST_RUNS];
    for (int64_t run = 0; run < count; ++run) here[run] = {runs[run].dgates + block * own.room * GATES, runs[run].a, runs[run].rows};
    const Run x = {all_x.dgates + block * own.room * GATES, all_x.a, all_x.rows};
    add_outers<ROWS>(here, count, shape.hidden, 0, to, shape.gates(), padded);
    add_outers<ROWS>(&x, 1, shape.input, 0, to + shape.hidden * shape.gates(), shape.gates(), shape.input);
  }
}

void scatter_dx(const ensue_lstm_gradient_call &call, const Part &part, const Back &own, int64_t first, int64_t steps) {
  const real *from = own.dx;
  for (int64_t t = first; t < first + steps; ++t)
    for (int64_t r = 0; r < part.active[t]; ++r, from += call.forward.input_size) {
      const int64_t row = part.row[r];
      memcpy(static_cast<real *>(call.dx) + row * call.dx_batch_stride + place_of(call.forward, row, t) * call.dx_time_stride,
             from, static_cast<size_t>(call.forward.input_size) * sizeof(real));
    }
}

void clear_padding_of_dx(const ensue_lstm_gradient_call &call, const Part &part) {
  ensue_lstm_call as_y = call.forward;
  as_y.y = call.dx;
  as_y.y_batch_stride = call.dx_batch_stride;
  as_y.y_time_stride = call.dx_time_stride;
  as_y.hidden_size = call.forward.input_size;
  clear_padding(as_y, part);
}

void run_part_back(const ensue_lstm_gradient_call &call, const Part &part, const Reserve &kept, const Back &own) {
  const Shape shape = {call.forward.input_size, call.forward.hidden_size};
  const PackedBack packed = PackedBack::of(call.weights, shape);
  const int64_t padded = shape.padded();
  ensue_lstm_call state = call.forward;
  state.h = call.dh;
  state.c = call.dc;
  take_state(state, part, own.dh, own.dc, padded);
  memset(own.dmatrix, 0, static_cast<size_t>(shape.depth() * shape.gates()) * sizeof(real));
  memset(own.dbias, 0, static_cast<size_t>(shape.gates()) * sizeof(real));
  if (call.dx && call.forward.lengths) clear_padding_of_dx(call, part);
  for (int64_t after = part.steps; after > 0;) {
    const int64_t first = larger(0, after - own.chunk), start = part.before[first];
    for (int64_t t = after - 1; t >= first; --t) {
      const int64_t at = part.before[t] - start;
      for (int64_t block = 0; block < shape.blocks(); ++block) step_back(call, part, kept, own, t, block, at);
      times_turned(shape, own, at, part.active[t], packed.to_h, shape.hidden, own.dh, padded);
    }
    add_matrices(shape, part, kept, own, first, after - first);
    if (call.dx) {
      times_turned(shape, own, 0, part.before[after] - start, packed.to_x, shape.input, own.dx, shape.input);
      scatter_dx(call, part, own, first, after - first);
    }
    after = first;
  }
  const size_t bytes = static_cast<size_t>(shape.hidden) * sizeof(real);
  for (int64_t r = 0; r < part.rows; ++r) {
    memcpy(static_cast<real *>(call.dh) + part.row[r] * shape.hidden, own.dh + r * padded, bytes);
    memcpy(static_cast<real *>(call.dc) + part.row[r] * shape.hidden, own.dc + r * padded, bytes);
  }
}

struct BackDivision {
  const ensue_lstm_gradient_call *call;
  Division forward;
  Back back[MOST_PARTS];

  size_t lay_out(const ensue_lstm_gradient_call &from, char *workspace) {
    call = &from;
    const size_t used = forward.lay_out(from.forward, workspace);
    Arena arena = {workspace, used};
    for (int part = 0; part < forward.parts; ++part)
      back[part] = Back::of(arena, from.forward, rows_of_part(from.forward, forward.parts, part), from.dx != nullptr);
    return arena.used;
  }
};

void run_part_back_of(void *division, int part) {
  const Flushing flushing;
  const BackDivision &own = *static_cast<const BackDivision *>(division);
  run_part_back(*own.call, own.forward.part[part], own.forward.sequence[part].kept, own.back[part]);
}

// The sums of the parts, always in the same order, in PyTorch's shapes.
void gather_matrices(const ensue_lstm_gradient_call &call, const BackDivision &division) {
  const Shape shape = {call.forward.input_size, call.forward.hidden_size};
  real *dh = static_cast<real *>(call.dweight_hh), *dx = static_cast<real *>(call.dweight_ih);
  const int64_t numbers = shape.depth() * shape.gates();
  real *sum = division.back[0].dmatrix, *bias = division.back[0].dbias;
  for (int part = 1; part < division.forward.parts; ++part) {
    for (int64_t each = 0; each < numbers; each += V) store(sum + each, load(sum + each) + load(division.back[part].dmatrix + each));
    for (int64_t each = 0; each < shape.gates(); ++each) bias[each] += division.back[part].dbias[each];
  }
  for (int64_t block = 0; block < shape.blocks(); ++block)
    for (int64_t gate = 0; gate < 4; ++gate) {
      const int64_t units = smaller(V, shape.hidden - block * V), row = gate * shape.hidden + block * V;
      const int64_t at = block * GATES + gate * V;
      memcpy(static_cast<real *>(call.dbias) + row, bias + at, static_cast<size_t>(units) * sizeof(real));
      unpack_gate(sum + at, shape.gates(), shape.hidden, units, dh + row * shape.hidden);
      unpack_gate(sum + shape.hidden * shape.gates() + at, shape.gates(), shape.input, units, dx + row * shape.input);
    }
}

size_t lstm_gradient_workspace_bytes(const ensue_lstm_gradient_call *call) {
  if (below_one(call->forward)) return 0;
  return fits(call->forward) ? BackDivision().lay_out(*call, nullptr) : NO_SIZE;
}

int lstm_backward(const ensue_lstm_gradient_call *call) {
  const int status = check_call(call->forward);
  if (status != ENSUE_OK) return status;
  BackDivision division;
  division.lay_out(*call, static_cast<char *>(call->workspace));
  ensue_in_parts(division.forward.parts, run_part_back_of, &division);
  gather_matrices(*call, division);
  return ENSUE_OK;
}

}  // namespace
#endif
