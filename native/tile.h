// The one inner loop everything here runs on: a few rows of inputs times a panel of packed weights, sums held in registers.
//
// A panel holds, for each k, the weights of GROUP vectors of outputs side by side, so that it is read from end to end.
#ifndef ENSUE_TILE_H
#define ENSUE_TILE_H

#include "vector.h"

namespace {

// One k: the weights of all vectors times the numbers of all rows. Whichever are fewer stay in registers.
template <int ROWS, int VECTORS, class Weight, class Value>
ENSUE_INLINE void multiply(vec (&acc)[ROWS][VECTORS], const Weight &weight, const Value &value) {
  if constexpr (ROWS <= VECTORS || MANY_REGISTERS) {
    vec values[ROWS];
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; ++row) values[row] = all(value(row));
#pragma GCC unroll 16
    for (int each = 0; each < VECTORS; ++each) {
      const vec one = weight(each);
#pragma GCC unroll 16
      for (int row = 0; row < ROWS; ++row) acc[row][each] += values[row] * one;
    }
  } else {
    vec weights[VECTORS];
#pragma GCC unroll 16
    for (int each = 0; each < VECTORS; ++each) weights[each] = weight(each);
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; ++row) {
      const vec one = all(value(row));
#pragma GCC unroll 16
      for (int each = 0; each < VECTORS; ++each) acc[row][each] += one * weights[each];
    }
  }
}

// acc[row][vector] += a[row][k] * w[k][vector] for PANELS panels that stand `panel_stride` elements apart.
template <class S, int ROWS, int PANELS, int GROUP>
ENSUE_INLINE void accumulate(vec (&acc)[ROWS][PANELS * GROUP], const typename S::element *w, int64_t panel_stride,
                       const real *a, int64_t a_stride, int64_t count) {
  for (int64_t k = 0; k < count; ++k)
    multiply<ROWS, PANELS * GROUP>(
        acc,
        [=](int each) __attribute__((always_inline)) {
          return S::read(w + each / GROUP * panel_stride + (k * GROUP + each % GROUP) * V);
        },
        [=](int row) __attribute__((always_inline)) { return a[row * a_stride + k]; });
}

// The same with a[k][row]: the outer products that the gradients of weights are sums of.
template <int ROWS, int GROUP>
ENSUE_INLINE void accumulate_outer(vec (&acc)[ROWS][GROUP], const real *w, const real *a, int64_t a_stride, int64_t count) {
  for (int64_t k = 0; k < count; ++k)
    multiply<ROWS, GROUP>(
        acc, [=](int each) __attribute__((always_inline)) { return load(w + (k * GROUP + each) * V); },
        [=](int row) __attribute__((always_inline)) { return a[k * a_stride + row]; });
}

// Sizes are multiplied in double precision before they are in whole numbers, which would come round to small ones again.
constexpr double MOST_WEIGHTS = 4503599627370496.0;      // bytes of a matrix or a layer: 2^52, that of 64 threads may add up
constexpr double MOST_BYTES = 1152921504606846976.0;     // of anything else: 2^60
constexpr size_t NO_SIZE = static_cast<size_t>(-1);      // what is said to be needed where no machine has so much

inline int64_t rounded_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
inline size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Hands out parts of a buffer, each aligned; with no buffer it only counts.
struct Arena {
  char *base;
  size_t used = 0;
  template <class T>
  T *take(int64_t count) {
    T *part = base ? reinterpret_cast<T *>(base + used) : nullptr;
    used += aligned(static_cast<size_t>(count) * sizeof(T));
    return part;
  }
};

inline uint16_t to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);  // stays no number
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);                   // to nearest, ties to even
}

inline size_t element_bytes(int32_t storage) {
  return storage == ENSUE_BF16 ? 2 : storage == ENSUE_INT8 ? 1 : sizeof(real);
}

inline bool storage_known(int32_t storage) {
  return storage == ENSUE_FULL || (sizeof(real) == 4 && (storage == ENSUE_BF16 || storage == ENSUE_INT8));
}

// One number as it is stored; `scale` is what a whole number counts.
inline void put(void *elements, int64_t index, real value, int32_t storage, real scale) {
  if (storage == ENSUE_BF16) {
    static_cast<uint16_t *>(elements)[index] = to_bf16(static_cast<float>(value));
  } else if (storage == ENSUE_INT8) {
    // A scale that is infinite or no number makes every sum so; one too small to divide by is as good as zero.
    const bool counts = scale >= real(__FLT_MIN__) && scale - scale == 0;
    static_cast<int8_t *>(elements)[index] = static_cast<int8_t>(counts ? __builtin_rint(value / scale) : 0);
  } else {
    static_cast<real *>(elements)[index] = value;
  }
}

}  // namespace
#endif
