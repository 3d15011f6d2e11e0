/* Numbers too small to be normal, which cost a hundred times a normal one, become zero while this lives; then the processor
 * is set as it was. */
#ifndef ENSUE_DENORMALS_H
#define ENSUE_DENORMALS_H

#include <cstdint>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace ensue {

class Denormals {
 public:
#if defined(__SSE__)
  Denormals() : before_(_mm_getcsr()) {
    if ((before_ & kFlush) != kFlush) _mm_setcsr(before_ | kFlush);
  }
  ~Denormals() {
    if ((before_ & kFlush) != kFlush) _mm_setcsr(before_);
  }

 private:
  static constexpr unsigned kFlush = 0x8040; /* results, and what is read */
  unsigned before_;
#elif defined(__aarch64__)
  Denormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (uint64_t{1} << 24)));
  }
  ~Denormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  uint64_t before_;
#else
  Denormals() {}
  ~Denormals() {}
#endif

 public:
  Denormals(const Denormals &) = delete;
  Denormals &operator=(const Denormals &) = delete;
};

}  // namespace ensue

#endif
