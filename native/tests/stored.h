/* What a weight becomes when it is stored in fewer bits: the test's own words for it. */
#ifndef ENSUE_TESTS_STORED_H
#define ENSUE_TESTS_STORED_H

#include "ensue_core.h"

#include <cmath>
#include <cstdint>
#include <cstring>

template <typename Real>
Real largest_of(const Real *values, int64_t count) {
  Real largest = 0;
  for (int64_t each = 0; each < count; ++each) largest = std::fmax(largest, std::fabs(values[each]));
  return largest;
}

/* To the nearest float whose lower half is zero, ties to the even one. */
inline float to_bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t lower = bits & 0xFFFFu, upper = bits & 0xFFFF0000u;
  bits = lower > 0x8000u || (lower == 0x8000u && (upper & 0x10000u)) ? upper + 0x10000u : upper;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

/* `largest`: of the row it stands in, which counts 127. */
template <typename Real>
double stored(Real value, Real largest, int storage) {
  if (storage == ENSUE_BF16) return static_cast<double>(to_bf16(static_cast<float>(value)));
  if (storage != ENSUE_INT8) return static_cast<double>(value);
  const Real scale = largest / 127;
  return scale > 0 ? std::nearbyint(value / scale) * static_cast<double>(scale) : 0.0;
}

#endif
