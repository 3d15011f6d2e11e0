// One LSTM layer, forward: a step of some rows; the equations are in learn/reference.py.
#ifndef ENSUE_LSTM_FORWARD_H
#define ENSUE_LSTM_FORWARD_H

#include "lstm_layout.h"
#include "lstm_sums.h"
#include "matrix.h"

namespace {

constexpr int ROWS = MANY_REGISTERS ? 6 : 3;  // rows whose gates are summed at once

// What a step leaves of its gates: nothing; i, f, g and o; glimpses of them, to be added up later; or what they add up to.
enum class Leave { NOTHING, GATES, GLIMPSES, SUMS };

// One step of the running rows of a part.
struct Step {
  Shape shape;
  Packed packed;
  const real *h, *x, *c;       // rows x padded, rows x input, rows x padded: before
  real *h_after, *c_after;     // rows x padded
  const real *sums;            // rows x gates: what x brings, with the bias; NULL: x is read here
  real *gates;                 // rows x gates: what is left of them
  int64_t rows;
  Leave leave;
  real *added;                 // rows x blocks of Added
  const real *added_before;    // the same before this step, or one that holds for all: nothing
  int64_t added_stride;        // from one to the next: 0 where one holds for all
};

template <Leave LEAVE>
ENSUE_INLINE void finish_unit(const Step &step, int64_t row, int64_t block, const vec *sums) {
  const int64_t at = row * step.shape.padded() + block * V;
  const Ratio i = tanh_ratio(sums[0]), f = tanh_ratio(sums[1]), g = tanh_ratio(sums[2]), o = tanh_ratio(sums[3]);
  const real half = real(0.5);
  vec c;
  // The forget gate is divided out alone: where it is 1 the cell has to stay as it is, bit for bit.
  const vec forget = f.value() * half + half;
  if constexpr (LEAVE == Leave::GATES) {
    real *gates = step.gates + row * step.shape.gates() + block * GATES;
    const vec input = i.value() * half + half, written = g.value(), shown = o.value() * half + half;
    store(gates, input);
    store(gates + V, forget);
    store(gates + 2 * V, written);
    store(gates + 3 * V, shown);
    c = forget * load(step.c + at) + input * written;
    store(step.h_after + at, shown * tanh_of(c));
  } else {
    const vec written = (i.numerator + i.denominator) * g.numerator * half / (i.denominator * g.denominator);
    c = forget * load(step.c + at) + written;
    const Ratio t = tanh_ratio(c);
    store(step.h_after + at, (o.numerator + o.denominator) * t.numerator * half / (o.denominator * t.denominator));
    if constexpr (LEAVE == Leave::GLIMPSES) {
      real *gates = step.gates + row * step.shape.gates() + block * GATES;
      store(gates, sums[0]);
      store(gates + V, forget);
      store(gates + 2 * V, written);
      store(gates + 3 * V, sums[3]);
    } else if constexpr (LEAVE == Leave::SUMS) {
      const int64_t place = row * step.shape.blocks() + block;
      Added added = Added::from(step.added_before + place * step.added_stride);
      added.add({sums[0], forget, written, sums[3], c});
      added.to(step.added + place * Added::NUMBERS);
    }
  }
  store(step.c_after + at, c);
}

// ROWS_ rows of BLOCKS blocks of units: their gates in full, then c and h.
template <class S, Leave LEAVE, int ROWS_, int BLOCKS>
void step_tile(const Step &step, int64_t row, int64_t block) {
  typedef typename S::element element;
  const Shape shape = step.shape;
  const element *w = static_cast<const element *>(step.packed.elements) + block * shape.depth() * GATES;
  const int64_t stride = shape.depth() * GATES;
  vec acc[ROWS_][BLOCKS * 4];
  const real *start = step.sums ? step.sums + row * shape.gates() : step.packed.bias;
  const int64_t start_stride = step.sums ? shape.gates() : 0;
#pragma GCC unroll 32
  for (int r = 0; r < ROWS_; ++r)
#pragma GCC unroll 32
    for (int each = 0; each < BLOCKS * 4; ++each)
      acc[r][each] = S::scaled ? vec{} : load(start + r * start_stride + block * GATES + each * V);
  accumulate<S, ROWS_, BLOCKS, 4>(acc, w, stride, step.h + row * shape.padded(), shape.padded(), shape.hidden);
  if (!step.sums)
    accumulate<S, ROWS_, BLOCKS, 4>(acc, w + shape.hidden * GATES, stride, step.x + row * shape.input, shape.input,
                                    shape.input);
#pragma GCC unroll 32
  for (int r = 0; r < ROWS_; ++r)
#pragma GCC unroll 32
    for (int b = 0; b < BLOCKS; ++b) {
      if constexpr (S::scaled)
        for (int each = b * 4; each < b * 4 + 4; ++each)
          acc[r][each] = acc[r][each] * load(step.packed.scales + block * GATES + each * V) +
                         load(start + r * start_stride + block * GATES + each * V);
      finish_unit<LEAVE>(step, row + r, block + b, acc[r] + b * 4);
    }
}

// All rows from `row` on, of BLOCKS blocks: as many at once as the registers hold, then the rest.
template <class S, Leave LEAVE, int ROWS_>
void step_rows(const Step &step, int64_t row, int64_t block) {
  for (; row + ROWS_ <= step.rows; row += ROWS_) step_tile<S, LEAVE, ROWS_, 1>(step, row, block);
  if constexpr (ROWS_ > 1)
    if (row < step.rows) step_rows<S, LEAVE, (ROWS_ > 4 ? 4 : ROWS_ - 1)>(step, row, block);
}

// One row alone has too few sums to keep the processor busy: two blocks of units are summed side by side.
//
// Weights that do not fit the first cache are read from the second at every step, and were they always read in the same order,
// each would be gone just before it is wanted again. Read now from the front and now from the back, the last ones read are
// still there. Which way is tossed with the last bit of h: it changes no result, and needs no memory between steps.
template <class S, Leave LEAVE>
void step_alone(const Step &step) {
  const int64_t blocks = step.shape.blocks(), pairs = blocks / 2;
  unsigned char coin;
  memcpy(&coin, step.h, sizeof coin);
  for (int64_t pair = 0; pair < pairs; ++pair)
    step_tile<S, LEAVE, 1, 2>(step, 0, 2 * ((coin & 1) != 0 ? pairs - 1 - pair : pair));
  if (blocks % 2 != 0) step_tile<S, LEAVE, 1, 1>(step, 0, blocks - 1);
}

template <class S, Leave LEAVE>
void step_through(const Step &step) {
  if (step.rows == 1) return step_alone<S, LEAVE>(step);
  for (int64_t block = 0; block < step.shape.blocks(); ++block) step_rows<S, LEAVE, ROWS>(step, 0, block);
}

template <class S>
void step_leaving(const Step &step) {
  switch (step.leave) {
    case Leave::NOTHING: return step_through<S, Leave::NOTHING>(step);
    case Leave::GATES: return step_through<S, Leave::GATES>(step);
    case Leave::GLIMPSES: return step_alone<S, Leave::GLIMPSES>(step);  // of a row alone
    case Leave::SUMS: return step_through<S, Leave::SUMS>(step);
  }
}

void run_step(const Step &step, [[maybe_unused]] int32_t storage) {
#if !defined(ENSUE_REAL_DOUBLE)
  if (storage == ENSUE_BF16) return step_leaving<Bf16>(step);
  if (storage == ENSUE_INT8) return step_leaving<Int8>(step);
#endif
  step_leaving<Full>(step);
}

size_t lstm_step_bytes(int64_t input_size, int64_t hidden_size) {
  const Shape shape = {input_size, hidden_size};
  if (shape.below_one()) return 0;
  return shape.fits() ? aligned(static_cast<size_t>(shape.padded()) * sizeof(real)) * 3 : NO_SIZE;
}

void lstm_step(const void *weights, int32_t storage, int64_t input_size, int64_t hidden_size, const void *x, void *h,
               void *c, void *scratch) {
  const Shape shape = {input_size, hidden_size};
  Arena arena = {static_cast<char *>(scratch)};
  real *c_padded = arena.take<real>(shape.padded()), *h_after = arena.take<real>(shape.padded());
  real *c_after = arena.take<real>(shape.padded());
  const bool whole = shape.padded() == hidden_size;
  const size_t bytes = static_cast<size_t>(hidden_size) * sizeof(real);
  if (!whole) {
    memset(c_padded, 0, static_cast<size_t>(shape.padded()) * sizeof(real));
    memcpy(c_padded, c, bytes);
  }
  const Step step = {shape, Packed::of(weights, shape, storage), static_cast<const real *>(h),
                     static_cast<const real *>(x), whole ? static_cast<const real *>(c) : c_padded, h_after,
                     whole ? static_cast<real *>(c) : c_after, nullptr, nullptr, 1, Leave::NOTHING, nullptr, nullptr, 0};
  run_step(step, storage);
  if (whole) {  // a few vectors are copied sooner than a function is called for them
    for (int64_t unit = 0; unit < hidden_size; unit += V) store(static_cast<real *>(h) + unit, load(h_after + unit));
  } else {
    memcpy(h, h_after, bytes);
    memcpy(c, c_after, bytes);
  }
}

}  // namespace
#endif
