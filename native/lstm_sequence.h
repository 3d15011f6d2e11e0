// One LSTM layer over a batch of sequences: each thread takes some rows from beginning to end, and waits for no other.
#ifndef ENSUE_LSTM_SEQUENCE_H
#define ENSUE_LSTM_SEQUENCE_H

#include "lstm_forward.h"

namespace {

constexpr int64_t CACHED = 48 * 1024;  // numbers that a chunk of sums may hold: they are read again before they grow cold
constexpr int64_t MOST_CHUNK = 256;

// How many steps' inputs are multiplied at once, ahead of the recurrence; 1: each step reads its own input.
// Ahead, weights are read once for many rows; but the sums go through memory, which many rows have no need of.
inline int64_t chunk_of(Shape shape, int64_t rows) {
  const bool few = rows < 3 * ROWS, heavy = shape.gates() * shape.depth() > 256 * 1024;
  if (shape.input < 8 || !(few || heavy)) return 1;
  return larger(1, smaller(MOST_CHUNK, CACHED / (rows * shape.gates())));
}

// The buffers of a part, beside what training keeps.
struct Sequence {
  Reserve kept;                // where nothing is kept: h of two steps, c and gates of `slots`
  real *sums;
  int64_t chunk, slots;
  real *added;                 // rows x blocks of Added, and one that is nothing; NULL: not wanted

  static Sequence of(Arena &arena, const ensue_lstm_call &call, int64_t rows) {
    const Shape shape = {call.input_size, call.hidden_size};
    Sequence own;
    own.chunk = smaller(chunk_of(shape, rows), call.time);
    own.sums = own.chunk > 1 ? arena.take<real>(own.chunk * rows * shape.gates()) : nullptr;
    own.kept = Reserve{};
    own.slots = call.sums && rows == 1 ? WINDOW : 2;
    own.added = call.sums && rows > 1 ? arena.take<real>((rows * shape.blocks() + 1) * Added::NUMBERS) : nullptr;
    if (!call.reserve) {
      own.kept.h = arena.take<real>(2 * rows * shape.padded());
      own.kept.c = arena.take<real>(own.slots * rows * shape.padded());
      if (call.trace || (call.sums && rows == 1)) own.kept.gates = arena.take<real>(own.slots * rows * shape.gates());
      own.kept.x = arena.take<real>(own.chunk * rows * shape.input);
    }
    return own;
  }
};

// x as it is read: the rows of each step one after another.
void gather_x(const ensue_lstm_call &call, const Part &part, int64_t first, int64_t steps, real *to) {
  const real *x = static_cast<const real *>(call.x);
  for (int64_t t = first; t < first + steps; ++t)
    for (int64_t r = 0; r < part.active[t]; ++r, to += call.input_size) {
      const int64_t row = part.row[r];
      memcpy(to, x + row * call.x_batch_stride + place_of(call, row, t) * call.x_time_stride,
             static_cast<size_t>(call.input_size) * sizeof(real));
    }
}

void give_y(const ensue_lstm_call &call, const Part &part, int64_t t, const real *h, int64_t padded) {
  real *y = static_cast<real *>(call.y);
  for (int64_t r = 0; r < part.active[t]; ++r) {
    const int64_t row = part.row[r];
    memcpy(y + row * call.y_batch_stride + place_of(call, row, t) * call.y_time_stride, h + r * padded,
           static_cast<size_t>(call.hidden_size) * sizeof(real));
  }
}

// Every gate of a step, and c and h, each where it belongs.
void give_trace(const ensue_lstm_call &call, const Part &part, int64_t t, const Step &step) {
  const Shape shape = step.shape;
  for (int64_t r = 0; r < part.active[t]; ++r) {
    const int64_t row = part.row[r];
    real *to = static_cast<real *>(call.trace) + row * call.trace_batch_stride + place_of(call, row, t) * call.trace_time_stride;
    for (int64_t unit = 0; unit < shape.hidden; unit += V) {
      const real *gates = step.gates + r * shape.gates() + unit * 4;
      const int64_t at = r * shape.padded() + unit, left = shape.hidden - unit;
      for (int gate = 0; gate < 4; ++gate) store_part(to + gate * call.trace_stride + unit, load(gates + gate * V), left);
      store_part(to + ENSUE_C * call.trace_stride + unit, load(step.c_after + at), left);
      store_part(to + ENSUE_H * call.trace_stride + unit, load(step.h_after + at), left);
    }
  }
}

// Rows whose last step this was leave with their state.
void give_state(const ensue_lstm_call &call, const Part &part, int64_t t, const real *h, const real *c, int64_t padded) {
  const int64_t going_on = t + 1 < part.steps ? part.active[t + 1] : 0;
  const size_t bytes = static_cast<size_t>(call.hidden_size) * sizeof(real);
  for (int64_t r = going_on; r < part.active[t]; ++r) {
    memcpy(static_cast<real *>(call.h) + part.row[r] * call.hidden_size, h + r * padded, bytes);
    memcpy(static_cast<real *>(call.c) + part.row[r] * call.hidden_size, c + r * padded, bytes);
  }
}

void take_state(const ensue_lstm_call &call, const Part &part, real *h, real *c, int64_t padded) {
  const size_t bytes = static_cast<size_t>(call.hidden_size) * sizeof(real);
  memset(h, 0, static_cast<size_t>(part.rows * padded) * sizeof(real));
  memset(c, 0, static_cast<size_t>(part.rows * padded) * sizeof(real));
  for (int64_t r = 0; r < part.rows; ++r) {
    memcpy(h + r * padded, static_cast<const real *>(call.h) + part.row[r] * call.hidden_size, bytes);
    memcpy(c + r * padded, static_cast<const real *>(call.c) + part.row[r] * call.hidden_size, bytes);
  }
}

void clear_padding(const ensue_lstm_call &call, const Part &part) {
  for (int64_t r = 0; r < part.rows; ++r)
    for (int64_t t = call.lengths[part.row[r]]; t < call.time; ++t)
      memset(static_cast<real *>(call.y) + part.row[r] * call.y_batch_stride + t * call.y_time_stride, 0,
             static_cast<size_t>(call.hidden_size) * sizeof(real));
}

// What x brings to the gates of `rows` rows, with the bias.
template <class S>
void input_sums(Shape shape, const Packed &packed, const real *x, int64_t rows, real *sums) {
  const typename S::element *w = static_cast<const typename S::element *>(packed.elements) + shape.hidden * GATES;
  for (int64_t block = 0; block < shape.blocks(); ++block) {
    const int64_t at = block * GATES;
    const Product product = {x,           shape.input, shape.input, 0, 1, rows, packed.bias + at, S::scaled ? packed.scales + at : nullptr,
                             sums + at, shape.gates(), GATES, false};
    const typename S::element *panel = w + block * shape.depth() * GATES;
    product_rows<S, 4, ROWS>(product, panel, 0, 0);
  }
}

void input_sums(Shape shape, const Packed &packed, [[maybe_unused]] int32_t storage, const real *x, int64_t rows, real *sums) {
#if !defined(ENSUE_REAL_DOUBLE)
  if (storage == ENSUE_BF16) return input_sums<Bf16>(shape, packed, x, rows, sums);
  if (storage == ENSUE_INT8) return input_sums<Int8>(shape, packed, x, rows, sums);
#endif
  input_sums<Full>(shape, packed, x, rows, sums);
}

void run_part(const ensue_lstm_call &call, const Part &part, const Sequence &own) {
  const Shape shape = {call.input_size, call.hidden_size};
  const int64_t padded = shape.padded(), one = part.rows * padded;
  const bool keep = call.reserve != nullptr;
  Step step = {};
  step.shape = shape;
  step.packed = Packed::of(call.weights, shape, call.storage);
  if (call.sums)
    step.leave = own.added ? Leave::SUMS : Leave::GLIMPSES;
  else
    step.leave = keep || call.trace ? Leave::GATES : Leave::NOTHING;
  real *nothing = own.added ? own.added + part.rows * shape.blocks() * Added::NUMBERS : nullptr;
  if (own.added) Added::nothing().to(nothing);
  // Where h or c of a step is, that before the first being -1: in the reserve, or in turn in one of `slots`.
  const auto place = [&](int64_t t, int64_t slots) {
    if (keep) return t < 0 ? int64_t{0} : (part.rows + part.before[t]) * padded;
    return (t + slots) % slots * one;
  };
  take_state(call, part, own.kept.h + place(-1, 2), own.kept.c + place(-1, own.slots), padded);
  if (call.y && call.lengths) clear_padding(call, part);
  for (int64_t first = 0; first < part.steps; first += own.chunk) {
    const int64_t steps = smaller(own.chunk, part.steps - first), start = part.before[first];
    real *x = own.kept.x + (keep ? start * shape.input : 0);
    gather_x(call, part, first, steps, x);
    if (own.sums) input_sums(shape, step.packed, call.storage, x, part.before[first + steps] - start, own.sums);
    for (int64_t t = first; t < first + steps; ++t) {
      const int64_t within = part.before[t] - start, in_window = t % WINDOW;
      step.h = own.kept.h + place(t - 1, 2);
      step.c = own.kept.c + place(t - 1, own.slots);
      step.h_after = own.kept.h + place(t, 2);
      step.c_after = own.kept.c + place(t, own.slots);
      step.x = x + within * shape.input;
      step.sums = own.sums ? own.sums + within * shape.gates() : nullptr;
      step.gates = own.kept.gates ? own.kept.gates + (keep ? part.before[t] : t % own.slots * part.rows) * shape.gates() : nullptr;
      step.added = own.added;
      step.added_before = in_window == 0 ? nothing : own.added;
      step.added_stride = in_window == 0 ? 0 : Added::NUMBERS;
      step.rows = part.active[t];
      run_step(step, call.storage);
      if (call.y) give_y(call, part, t, step.h_after, padded);
      if (call.trace) give_trace(call, part, t, step);
      if (call.sums && (in_window == WINDOW - 1 || t + 1 == part.steps)) {
        if (own.added)
          move_rows_on(call, part, own.added, t - in_window, t + 1);
        else
          move_row_on(call, part.row[0], own.kept.gates, own.kept.c, in_window + 1);
      }
      give_state(call, part, t, step.h_after, step.c_after, padded);
    }
  }
}

// The parts of a call with their buffers, laid out in its workspace and its reserve.
struct Division {
  const ensue_lstm_call *call;
  int parts;
  Part part[MOST_PARTS];
  Sequence sequence[MOST_PARTS];

  size_t lay_out(const ensue_lstm_call &from, char *workspace) {
    call = &from;
    parts = parts_of(from);
    Arena arena = {workspace}, reserve = {static_cast<char *>(from.reserve)};
    divide(from, parts, part, arena);
    for (int each = 0; each < parts; ++each) {
      sequence[each] = Sequence::of(arena, from, rows_of_part(from, parts, each));
      if (from.reserve && workspace)
        sequence[each].kept = Reserve::of(reserve, {from.input_size, from.hidden_size}, part[each].rows, part[each].total());
    }
    return arena.used;
  }
};

size_t lstm_workspace_bytes(const ensue_lstm_call *call) {
  if (below_one(*call)) return 0;
  return fits(*call) ? Division().lay_out(*call, nullptr) : NO_SIZE;
}

void run_part_of(void *division, int part) {
  const Flushing flushing;
  const Division &own = *static_cast<const Division *>(division);
  run_part(*own.call, own.part[part], own.sequence[part]);
}

int lstm_forward(const ensue_lstm_call *call) {
  const int status = check_call(*call, call->reserve ? 1 : 0);
  if (status != ENSUE_OK) return status;
  Division division;
  division.lay_out(*call, static_cast<char *>(call->workspace));
  ensue_in_parts(division.parts, run_part_of, &division);
  return ENSUE_OK;
}

}  // namespace
#endif
