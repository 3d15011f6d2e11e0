/* What a call must leave alone: the memory of the C++ library, and the processor's mode. */
#ifndef ENSUE_TESTS_ALLOCATIONS_H
#define ENSUE_TESTS_ALLOCATIONS_H

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* How often this program has called operator new. */
long allocations();

inline unsigned processor_mode() {
#if defined(__x86_64__)
  return _mm_getcsr() & ~0x3Fu; /* but for what has happened since */
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return static_cast<unsigned>(value);
#else
  return 0;
#endif
}

#endif
