// Vectors of one instruction set, written in the compiler's own vector types, and the two curves of an LSTM on them.
//
// Included by kernel.cpp only, which is compiled once for each instruction set. No header of C++'s library is included here:
// an inline function of one, compiled for AVX-512, could be picked by the linker for every machine.
#ifndef ENSUE_VECTOR_H
#define ENSUE_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace {

#if defined(ENSUE_REAL_DOUBLE)
typedef double real;
constexpr int VECTOR_BYTES = 32;
#else
typedef float real;
#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX2__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif
#endif

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr bool MANY_REGISTERS = true;  // 32 of them, and not 16
#else
constexpr bool MANY_REGISTERS = false;
#endif

constexpr int V = VECTOR_BYTES / static_cast<int>(sizeof(real));

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef real loose __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

inline vec load(const real *from) { return *reinterpret_cast<const loose *>(from); }
inline void store(real *to, vec value) { *reinterpret_cast<loose *>(to) = value; }
inline vec all(real value) { return value - vec{}; }

// The first `count` numbers of a vector, for rows that end within one; the others are zero.
inline vec load_part(const real *from, int64_t count) {
  if (count >= V) return load(from);
  vec value = {};
  memcpy(&value, from, static_cast<size_t>(count) * sizeof(real));
  return value;
}

inline void store_part(real *to, vec value, int64_t count) {
  if (count >= V) return store(to, value);
  memcpy(to, &value, static_cast<size_t>(count) * sizeof(real));
}

// tanh(x) as numerator / denominator, so that products of several need a single division.
struct Ratio {
  vec numerator, denominator;
  vec value() const { return numerator / denominator; }
};

#if defined(ENSUE_REAL_DOUBLE)

inline Ratio tanh_ratio(vec x) {
  vec result;
  for (int lane = 0; lane < V; ++lane) result[lane] = __builtin_tanh(x[lane]);
  return {result, all(1)};
}

#else

// x P(x^2) / Q(x^2), the best relative fit of degrees 4 and 4 up to 9.1, where tanh is 1 in single precision; the fit
// itself is right to 2.3e-8 (benchmarks/gate_functions.py finds it again). What is not a number stays so: the comparisons
// are false of it. A sigmoid is 1/2 + tanh(x / 2) / 2; weights are halved when packed, which is exact.
constexpr real EDGE = 9.1f;

inline Ratio tanh_ratio(vec x) {
  x = x > EDGE ? all(EDGE) : x;
  x = x < -EDGE ? all(-EDGE) : x;
  const vec u = x * x;
  const vec p = (((u * 1.31774524712e-8f + 2.04811309421e-5f) * u + 0.00348780741617f) * u + 0.133744720417f) * u +
                0.999999977183f;
  const vec q = (((u * 7.70401595468e-7f + 0.000327291442174f) * u + 0.0258473744921f) * u + 0.467077858159f) * u + 1.0f;
  return {x * p, q};
}

#endif

inline vec tanh_of(vec x) { return tanh_ratio(x).value(); }
inline vec sigmoid_of_twice(vec half) { return tanh_of(half) * real(0.5) + real(0.5); }  // sigmoid(2 half)

// Packed weights: as they are, as the upper half of a float, or as whole numbers of a row's own scale.
struct Full {
  typedef real element;
  static constexpr bool scaled = false;
  static vec read(const element *from) { return load(from); }
};

#if !defined(ENSUE_REAL_DOUBLE)

struct Bf16 {
  typedef uint16_t element;
  static constexpr bool scaled = false;
  static vec read(const element *from) {
    typedef uint16_t halves __attribute__((vector_size(V * 2), aligned(2), may_alias));
    typedef uint32_t bits __attribute__((vector_size(V * 4)));
    const bits wide = __builtin_convertvector(*reinterpret_cast<const halves *>(from), bits) << 16;
    return (vec)wide;
  }
};

struct Int8 {
  typedef int8_t element;
  static constexpr bool scaled = true;
  static vec read(const element *from) {
    typedef int8_t bytes __attribute__((vector_size(V), aligned(1), may_alias));
    typedef int32_t whole __attribute__((vector_size(V * 4)));
    return __builtin_convertvector(__builtin_convertvector(*reinterpret_cast<const bytes *>(from), whole), vec);
  }
};

#endif

// While one of these lives, numbers too small to be normal count as zero: a state that fades out would otherwise slow every
// step a hundredfold on its way.
class Flushing {
 public:
#if defined(__x86_64__) || defined(__i386__)
  Flushing() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
  ~Flushing() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  Flushing() {
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before_));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before_ | (uint64_t{1} << 24)));
  }
  ~Flushing() { __asm__ __volatile__("msr fpcr, %0" : : "r"(before_)); }

 private:
  uint64_t before_;
#else
  Flushing() {}
#endif
};

}  // namespace
#endif
