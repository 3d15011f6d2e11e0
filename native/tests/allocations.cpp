/* operator new is replaced for the whole program, to count. A sanitizer still sees all memory: it sits behind malloc. */
#include "allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> count{0};

void *counted(size_t bytes, size_t alignment) noexcept {
  ++count;
  void *memory = nullptr;
  if (bytes == 0) bytes = 1;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

void *needed(size_t bytes, size_t alignment) {
  void *memory = counted(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

constexpr size_t USUAL = alignof(std::max_align_t);

}  // namespace

long allocations() { return count; }

void *operator new(size_t bytes) { return needed(bytes, USUAL); }
void *operator new(size_t bytes, const std::nothrow_t &) noexcept { return counted(bytes, USUAL); }
void *operator new(size_t bytes, std::align_val_t alignment) { return needed(bytes, static_cast<size_t>(alignment)); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, size_t, std::align_val_t) noexcept { std::free(memory); }
