/* Decisions read from bytes that nobody chose: the next number, the next layer, the next lie. When the bytes are at an end,
 * every decision is 0. */
#ifndef ENSUE_TESTS_FUZZ_BYTES_H
#define ENSUE_TESTS_FUZZ_BYTES_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

class Bytes {
 public:
  Bytes(const uint8_t *data, size_t size) : data_(data), left_(size) {}

  bool more() const { return left_ > 0; }
  uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  /* From 0 to count - 1, for at most 256. */
  int64_t below(int64_t count) { return byte() % count; }
  /* True once in so many times. */
  bool once_in(int64_t times) { return below(times) == 1; }

  /* A whole number that somebody might have forgotten. */
  int64_t whole() {
    static const int64_t known[] = {0,
                                    1,
                                    -1,
                                    2,
                                    3,
                                    7,
                                    8,
                                    31,
                                    32,
                                    100,
                                    255,
                                    1000,
                                    1 << 20,
                                    1 << 30,
                                    INT32_MAX,
                                    INT32_MIN,
                                    1000000000,
                                    1000000001,
                                    1LL << 32,
                                    1LL << 40,
                                    1LL << 53,
                                    1LL << 62,
                                    INT64_MAX,
                                    INT64_MIN,
                                    INT64_MAX / 2,
                                    -(1LL << 40),
                                    10000000,
                                    9000000000000000};
    const int64_t kind = below(40);
    if (kind < static_cast<int64_t>(sizeof known / sizeof *known)) return known[kind];
    int64_t number = 0;
    for (int each = 0; each < 8; ++each) number = static_cast<int64_t>(static_cast<uint64_t>(number) << 8 | byte());
    return number;
  }

  /* Mostly what a number may be, now and then what it should not be. */
  double real() {
    static const double odd[] = {0.0,   -0.0,   NAN,    INFINITY, -INFINITY, 1e30, -1e30, 1e-40,
                                 1e300, -1e300, 5e-324, 9e15,     1e16,      0.5,  -1.0,  3.4e38};
    if (once_in(8)) return odd[below(16)];
    return (static_cast<double>(byte()) - 127.5) / 32.0;
  }

  /* So many of them, the same few again and again, so that few bytes go far. */
  template <typename Real>
  std::vector<Real> reals(int64_t count) {
    Real some[7];
    for (Real &each : some) each = static_cast<Real>(real());
    std::vector<Real> result(static_cast<size_t>(count));
    for (size_t each = 0; each < result.size(); ++each) result[each] = some[(each * each + each / 3) % 7];
    return result;
  }

 private:
  const uint8_t *data_;
  size_t left_;
};

#endif
