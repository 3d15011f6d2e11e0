/* Buffers of exactly the size that was asked for, with bytes around them that nobody may touch. They hold no numbers (NaN)
 * at first, so that what is read before it is written shows. */
#ifndef ENSUE_TESTS_GUARDED_H
#define ENSUE_TESTS_GUARDED_H

#include "check.h"
#include "ensue_core.h"

#include <cstdlib>
#include <cstring>
#include <vector>

/* A sanitizer watches the ends of a piece of memory itself, and better: it also sees what is only read. */
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t GUARD = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr size_t GUARD = 0;
#else
constexpr size_t GUARD = 256;
#endif
#else
constexpr size_t GUARD = 256;
#endif

class Guarded {
 public:
  /* `offset` bytes beyond an alignment of ENSUE_ALIGNMENT. */
  explicit Guarded(size_t bytes, size_t offset = 0) : bytes_(bytes), offset_(offset) {
    void *memory = nullptr;
    if (posix_memalign(&memory, ENSUE_ALIGNMENT, GUARD + offset + bytes + GUARD) != 0) throw std::bad_alloc();
    memory_ = static_cast<unsigned char *>(memory);
    std::memset(memory_, 0xA5, GUARD + offset);
    std::memset(start(), 0xFF, bytes);
    std::memset(start() + bytes, 0xA5, GUARD);
  }
  Guarded(Guarded &&other) noexcept : memory_(other.memory_), bytes_(other.bytes_), offset_(other.offset_) {
    other.memory_ = nullptr;
  }
  Guarded(const Guarded &) = delete;
  Guarded &operator=(const Guarded &) = delete;
  ~Guarded() { std::free(memory_); }

  unsigned char *start() const { return memory_ + GUARD + offset_; }
  size_t bytes() const { return bytes_; }

  void check(const char *name) const {
    for (size_t each = 0; each < GUARD + offset_; ++each)
      CHECK(memory_[each] == 0xA5, name, " was written ", GUARD + offset_ - each, " bytes before its beginning");
    for (size_t each = 0; each < GUARD; ++each)
      CHECK(start()[bytes_ + each] == 0xA5, name, " of ", bytes_, " bytes was written ", each, " bytes beyond its end");
  }

 private:
  unsigned char *memory_;
  size_t bytes_, offset_;
};

/* Numbers in such a buffer, one number away from being aligned. */
template <typename Real>
class Numbers {
 public:
  explicit Numbers(size_t count) : memory_(count * sizeof(Real), sizeof(Real)) {}
  explicit Numbers(const std::vector<Real> &from) : Numbers(from.size()) {
    if (!from.empty()) std::memcpy(data(), from.data(), from.size() * sizeof(Real));
  }
  Real *data() const { return reinterpret_cast<Real *>(memory_.start()); }
  size_t size() const { return memory_.bytes() / sizeof(Real); }
  Real operator[](size_t each) const { return data()[each]; }
  std::vector<Real> copy() const { return {data(), data() + size()}; }
  void fill(Real value) const {
    for (size_t each = 0; each < size(); ++each) data()[each] = value;
  }
  void check(const char *name) const { memory_.check(name); }
  bool same_bits(const Numbers &other) const {
    return size() == other.size() && std::memcmp(data(), other.data(), memory_.bytes()) == 0;
  }

 private:
  Guarded memory_;
};

#endif
