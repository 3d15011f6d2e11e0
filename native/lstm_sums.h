// What the gates of an LSTM did, added up while it runs.
//
// For a window of steps everything is added up in single precision; then each sum is moved on once, in double precision, so
// that a long stream loses nothing. Nothing is divided: a gate is closed or open by what its sigmoid is taken of. Of many
// rows each step adds to what stands in memory, while its gates are in registers. A row alone waits for memory anyway, for
// its weights: there a step only leaves a glimpse of each unit, and all glimpses of a window are added up in registers.
#ifndef ENSUE_LSTM_SUMS_H
#define ENSUE_LSTM_SUMS_H

#include "lstm_layout.h"

namespace {

constexpr int64_t WINDOW = 16;             // steps
constexpr real SMALLEST = 1 / 9.223372036854775808e18;  // 2^-63, a forget gate of 0: WINDOW of them make a normal double
constexpr int COUNT_BITS = 5;              // of a count of steps: six of them share a number

typedef double wide __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t wide_bits __attribute__((vector_size(VECTOR_BYTES)));
typedef double loose_wide __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(double)), may_alias));

constexpr int WIDE = VECTOR_BYTES / static_cast<int>(sizeof(double));
constexpr int PARTS = V / WIDE;  // a vector becomes so many in double precision

struct Widened {
  wide part[PARTS];
};

ENSUE_INLINE Widened widened(vec x) {
#if defined(ENSUE_REAL_DOUBLE)
  return {{x}};
#elif defined(__AVX512F__)
  return {{(wide)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)),
           (wide)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1))}};
#elif defined(__AVX2__)
  return {{(wide)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)),
           (wide)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1))}};
#elif defined(__SSE2__)
  return {{(wide)_mm_cvtps_pd((__m128)x), (wide)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x))}};
#elif defined(__aarch64__)
  return {{(wide)vcvt_f64_f32(vget_low_f32((float32x4_t)x)), (wide)vcvt_high_f64_f32((float32x4_t)x)}};
#else
  Widened result;
  for (int lane = 0; lane < V; ++lane) result.part[lane / WIDE][lane % WIDE] = x[lane];
  return result;
#endif
}

ENSUE_INLINE wide load_wide(const double *from) { return *reinterpret_cast<const loose_wide *>(from); }
ENSUE_INLINE void store_wide(double *to, wide value) { *reinterpret_cast<loose_wide *>(to) = value; }

// ln x of normal numbers. x is 2^k m with m from sqrt(1/2) to sqrt(2), and ln m = 2 artanh((m - 1) / (m + 1)) by its series.
ENSUE_INLINE wide log_of(wide x) {
  constexpr uint64_t LEAST = 0x3fe6a09e667f3bcd;  // sqrt(1/2)
  const wide_bits bits = (wide_bits)x + (0x3ff0000000000000 - LEAST);
  const wide m = (wide)((bits & 0x000fffffffffffff) + LEAST);
  const wide k = (wide)(bits >> 52 | 0x4330000000000000) - (4503599627370496.0 + 1023.0);  // no instruction for it in AVX2
  const wide s = (m - 1.0) / (m + 1.0), u = s * s;
  wide series = u * (1 / 13.0) + 1 / 11.0;
  series = series * u + 1 / 9.0;
  series = series * u + 1 / 7.0;
  series = series * u + 1 / 5.0;
  series = series * u + 1 / 3.0;
  return k * 0.6931471805599453 + s * 2.0 + s * u * 2.0 * series + (x - x);  // what is no number stays so
}

ENSUE_INLINE vec size_of(vec x) {
  typedef decltype(x < x) bits;
  return (vec)((bits)x & ~(bits)all(real(-0.0)));
}

typedef decltype(vec{} < vec{}) whole;

// `counts` with one more in its place wherever `holds`.
template <int PLACE>
ENSUE_INLINE whole one_more(whole counts, whole holds) {
  constexpr int ONE = 1 << PLACE * COUNT_BITS;
#if defined(__AVX512F__)
  return holds ? counts + ONE : counts;
#else
  return counts + (holds & ONE);
#endif
}

// What a step shows of a block of units: half of what the sigmoids of the input and output gates are taken of; f; i * g; c.
struct Glimpse {
  vec half_i, f, written, half_o, c;
};

// What a window has added up of a block of units.
struct Added {
  whole counts;
  vec cell, squared, written, aged;
  Widened kept;  // the product of f: what is left of what was there before

  static constexpr int NUMBERS = (5 + PARTS) * V;

  static ENSUE_INLINE Added nothing() { return {whole{}, vec{}, vec{}, vec{}, vec{}, widened(all(1))}; }

  static ENSUE_INLINE Added from(const real *memory) {
    Added own = {(whole)load(memory), load(memory + V), load(memory + 2 * V), load(memory + 3 * V), load(memory + 4 * V), {}};
#pragma GCC unroll 2
    for (int part = 0; part < PARTS; ++part) own.kept.part[part] = (wide)load(memory + (5 + part) * V);
    return own;
  }

  ENSUE_INLINE void to(real *memory) const {
    store(memory, (vec)counts);
    store(memory + V, cell);
    store(memory + 2 * V, squared);
    store(memory + 3 * V, written);
    store(memory + 4 * V, aged);
#pragma GCC unroll 2
    for (int part = 0; part < PARTS; ++part) store(memory + (5 + part) * V, (vec)kept.part[part]);
  }

  ENSUE_INLINE void add(const Glimpse &seen) {
    constexpr real EDGE_OF_HALF = real(1.0986122886681098);  // sigmoid(2 * 1.0986...) is 0.9, that of its negative 0.1
    counts = one_more<0>(counts, seen.half_i < -EDGE_OF_HALF);
    counts = one_more<1>(counts, seen.half_i > EDGE_OF_HALF);
    counts = one_more<2>(counts, seen.f < real(0.1));
    counts = one_more<3>(counts, seen.f > real(0.9));
    counts = one_more<4>(counts, seen.half_o < -EDGE_OF_HALF);
    counts = one_more<5>(counts, seen.half_o > EDGE_OF_HALF);
    cell += seen.c;
    squared += seen.c * seen.c;
    aged = seen.f * (aged + written);
    written = seen.f * written + size_of(seen.written);
    const vec smallest = all(SMALLEST);
    const Widened forget = widened(smallest > seen.f ? smallest : seen.f);
#pragma GCC unroll 2
    for (int part = 0; part < PARTS; ++part) kept.part[part] *= forget.part[part];
  }
};

ENSUE_INLINE void move_on(double *sum, vec more) {
  const Widened wider = widened(more);
#pragma GCC unroll 2
  for (int part = 0; part < PARTS; ++part) store_wide(sum + part * WIDE, load_wide(sum + part * WIDE) + wider.part[part]);
}

// What `steps` steps added up of a block of V units moves the sums on.
ENSUE_INLINE void move_on(const Added &added, int64_t steps, double *sums, int64_t stride) {
  const Widened written = widened(added.written), aged = widened(added.aged);
#pragma GCC unroll 2
  for (int part = 0; part < PARTS; ++part) {
    double *of_forget = sums + ENSUE_LOG_FORGET * stride + part * WIDE;
    double *of_written = sums + ENSUE_WRITTEN * stride + part * WIDE, *of_aged = sums + ENSUE_AGED * stride + part * WIDE;
    const wide kept = added.kept.part[part], before = load_wide(of_written);
    store_wide(of_forget, load_wide(of_forget) + log_of(kept));
    store_wide(of_aged, kept * (load_wide(of_aged) + static_cast<double>(steps) * before) + aged.part[part]);
    store_wide(of_written, kept * before + written.part[part]);
  }
  constexpr int MOST = (1 << COUNT_BITS) - 1;
#pragma GCC unroll 6
  for (int place = 0; place < 6; ++place)
    move_on(sums + (ENSUE_CLOSED_I + place) * stride,
            __builtin_convertvector(added.counts >> place * COUNT_BITS & MOST, vec));
  move_on(sums + ENSUE_CELL * stride, added.cell);
  move_on(sums + ENSUE_CELL_SQUARED * stride, added.squared);
}

// Moves the sums of one row on by what a window of `steps` steps has added up of each block. In the last block there may be
// fewer units than it has room for: their sums are set aside.
template <class Window>
ENSUE_INLINE void move_row_on(const ensue_lstm_call &call, int64_t row, int64_t steps, Window window) {
  double aside[ENSUE_SUMS * V];
  for (int64_t unit = 0; unit < call.hidden_size; unit += V) {
    const Added added = window(unit / V);
    double *sums = call.sums + row * call.hidden_size + unit;
    const bool whole_block = call.hidden_size - unit >= V;
    const size_t bytes = static_cast<size_t>(call.hidden_size - unit) * sizeof(double);
    if (!whole_block) {
      memset(aside, 0, sizeof aside);
      for (int kind = 0; kind < ENSUE_SUMS; ++kind) memcpy(aside + kind * V, sums + kind * call.sums_stride, bytes);
    }
    move_on(added, steps, whole_block ? sums : aside, whole_block ? call.sums_stride : V);
    if (!whole_block)
      for (int kind = 0; kind < ENSUE_SUMS; ++kind) memcpy(sums + kind * call.sums_stride, aside + kind * V, bytes);
  }
}

// Of many rows: `added` is what steps `first` to `after` - 1 of a part have added up. The rows that end sooner are the last.
void move_rows_on(const ensue_lstm_call &call, const Part &part, const real *added, int64_t first, int64_t after) {
  const int64_t blocks = Shape{call.input_size, call.hidden_size}.blocks();
  int64_t steps = after - first;
  for (int64_t r = 0; r < part.active[first]; ++r) {
    while (part.active[first + steps - 1] <= r) --steps;
    move_row_on(call, part.row[r], steps, [=](int64_t block) __attribute__((always_inline)) {
      return Added::from(added + (r * blocks + block) * Added::NUMBERS);
    });
  }
}

// Of a row alone: the glimpses of its last steps are `gates` and `c`, one step after the other.
void move_row_on(const ensue_lstm_call &call, int64_t row, const real *gates, const real *c, int64_t steps) {
  const Shape shape = {call.input_size, call.hidden_size};
  move_row_on(call, row, steps, [=](int64_t block) __attribute__((always_inline)) {
    Added added = Added::nothing();
    const real *at = gates + block * GATES, *cell = c + block * V;
    for (int64_t step = 0; step < steps; ++step, at += shape.gates(), cell += shape.padded())
      added.add({load(at), load(at + V), load(at + 2 * V), load(at + 3 * V), load(cell)});
    return added;
  });
}

}  // namespace
#endif
