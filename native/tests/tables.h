/* The tables of kernels that run here, and numbers by chance that are the same on every machine. */
#ifndef ENSUE_TESTS_TABLES_H
#define ENSUE_TESTS_TABLES_H

#include "ensue_core.h"

#include <cstdint>
#include <vector>

/* Calls f(table, Real{}) for each table that runs on this machine, "double" the last. */
template <typename Function>
void each_table(Function f) {
  for (const char *const *name = ensue_isa_names(); *name != nullptr; ++name) f(*ensue_find_kernels(*name), float{});
  f(*ensue_find_kernels("double"), double{});
}

/* The same without "double". */
template <typename Function>
void each_float_table(Function f) {
  for (const char *const *name = ensue_isa_names(); *name != nullptr; ++name) f(*ensue_find_kernels(*name));
}

class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint64_t bits() { /* splitmix64 */
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /* From 0 to count - 1. */
  int64_t below(int64_t count) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(count)); }
  /* From -most to most. */
  double within(double most) { return (static_cast<double>(bits() >> 11) / 4503599627370496.0 - 1.0) * most; }

  template <typename Real>
  std::vector<Real> numbers(int64_t count, double most) {
    std::vector<Real> result(static_cast<size_t>(count));
    for (Real &each : result) each = static_cast<Real>(within(most));
    return result;
  }

 private:
  uint64_t state_;
};

#endif
