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
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// For what stands in the innermost loops: a compiler that has inlined much already may think that it is enough.
#define ENSUE_INLINE inline __attribute__((always_inline))

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

ENSUE_INLINE vec load(const real *from) { return *reinterpret_cast<const loose *>(from); }
ENSUE_INLINE void store(real *to, vec value) { *reinterpret_cast<loose *>(to) = value; }
ENSUE_INLINE vec all(real value) { return value - vec{}; }

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
  ENSUE_INLINE vec value() const { return numerator / denominator; }
};

#if defined(ENSUE_REAL_DOUBLE)

ENSUE_INLINE Ratio tanh_ratio(vec x) {
  vec result;
  for (int lane = 0; lane < V; ++lane) result[lane] = __builtin_tanh(x[lane]);
  return {result, all(1)};
}

#else

// x P(x^2) / Q(x^2) of degrees 4 and 4: the best relative fit up to 8.03 as it is found by benchmarks/gate_functions.py, its
// coefficients then moved by some of their last bits until the quotient as it is rounded is never above 1, and exactly 1 at
// EDGE: both with and without fused multiplication. Beyond, tanh is 1 in single precision but for three units of the last
// place. What is not a number stays so: the comparisons are false of it. P begins with 1, and x is added last: a product
// there could be fused into sums that the quotient's users make, and numerator and denominator would no longer be equal.
// A sigmoid is 1/2 + tanh(x / 2) / 2; weights are halved when packed, which is exact.
constexpr real EDGE = 8.08688164f;

ENSUE_INLINE Ratio tanh_ratio(vec x) {
  x = x > EDGE ? all(EDGE) : x;
  x = x < -EDGE ? all(-EDGE) : x;
  const vec u = x * x;
  const vec p = ((u * 1.51712989e-08f + 2.18560308e-05f) * u + 0.00356935849f) * u + 0.134426296f;
  const vec q = (((u * 8.49959065e-07f + 0.00034075632f) * u + 0.0261559933f) * u + 0.46775952f) * u + 1.0f;
  return {x * u * p + x, q};
}

#endif

ENSUE_INLINE vec tanh_of(vec x) { return tanh_ratio(x).value(); }
inline vec sigmoid_of_twice(vec half) { return tanh_of(half) * real(0.5) + real(0.5); }  // sigmoid(2 half)

// Packed weights: as they are, as the upper half of a float, or as whole numbers of a row's own scale.
struct Full {
  typedef real element;
  static constexpr bool scaled = false;
  static ENSUE_INLINE vec read(const element *from) { return load(from); }
};

#if !defined(ENSUE_REAL_DOUBLE)

// The compiler's own conversions of short vectors go number by number; these are one instruction or two.
struct Bf16 {
  typedef uint16_t element;
  static constexpr bool scaled = false;
  static ENSUE_INLINE vec read(const element *from) {
#if defined(__AVX512F__)
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from)), 16);
#elif defined(__AVX2__)
    return (vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from)), 16);
#elif defined(__SSE2__)
    return (vec)_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)from));
#elif defined(__aarch64__)
    return (vec)vshll_n_u16(vld1_u16(from), 16);
#else
    typedef uint16_t halves __attribute__((vector_size(V * 2), aligned(2), may_alias));
    typedef uint32_t bits __attribute__((vector_size(V * 4)));
    return (vec)(__builtin_convertvector(*reinterpret_cast<const halves *>(from), bits) << 16);
#endif
  }
};

struct Int8 {
  typedef int8_t element;
  static constexpr bool scaled = true;
  static ENSUE_INLINE vec read(const element *from) {
#if defined(__AVX512F__)
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)from)));
#elif defined(__AVX2__)
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
#elif defined(__SSE2__)
    int32_t four;
    memcpy(&four, from, sizeof four);
    const __m128i twice = _mm_unpacklo_epi8(_mm_cvtsi32_si128(four), _mm_cvtsi32_si128(four));
    return (vec)_mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(twice, twice), 24));
#else
    typedef int8_t bytes __attribute__((vector_size(V), aligned(1), may_alias));
    typedef int32_t whole __attribute__((vector_size(V * 4)));
    return __builtin_convertvector(__builtin_convertvector(*reinterpret_cast<const bytes *>(from), whole), vec);
#endif
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
