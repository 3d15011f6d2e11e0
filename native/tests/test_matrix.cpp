/* matrix_times, and what weights in fewer bits become. */
#include "guarded.h"
#include "stored.h"
#include "tables.h"

#include <algorithm>

namespace {

struct Shape {
  int64_t n, k, m;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const int64_t n : {1, 2, 5, 7, 16, 17, 31, 64, 65, 67, 130})
    for (const int64_t k : {1, 3, 8, 33})
      for (const int64_t m : {1, 2, 3, 5, 6, 7, 8, 11, 25}) all.push_back({n, k, m});
  return all;
}

template <typename Real>
void times_one(const ensue_kernels &kernels, Shape shape, int storage, bool add, bool biased, int64_t gap,
               double tolerance) {
  const auto [n, k, m] = shape;
  Chance chance(static_cast<uint64_t>(n * 7 + k * 3 + m));
  const int64_t w_stride = k + gap, x_stride = k + gap, y_stride = n + gap;
  const std::vector<Real> weights = chance.numbers<Real>(n * w_stride, 1.0);
  const Numbers<Real> w(weights), x(chance.numbers<Real>(m * x_stride, 1.0)), bias(chance.numbers<Real>(n, 1.0));
  const Numbers<Real> y(chance.numbers<Real>(m * y_stride, 1.0));
  const std::vector<Real> before = y.copy();
  const Guarded packed(kernels.matrix_bytes(n, k, storage));
  CHECK(kernels.matrix_pack(w.data(), w_stride, n, k, storage, packed.start()) == ENSUE_OK, "matrix_pack refuses");
  kernels.matrix_times(packed.start(), n, k, storage, x.data(), x_stride, m, biased ? bias.data() : nullptr, y.data(),
                       y_stride, add);
  packed.check("packed matrix");
  y.check("y");
  for (int64_t row = 0; row < m; ++row)
    for (int64_t column = 0; column < y_stride; ++column) {
      const size_t at = static_cast<size_t>(row * y_stride + column);
      const double was = static_cast<double>(before[at]);
      if (column >= n) {
        CHECK(y[at] == before[at], kernels.name, ": a number between rows was written");
        continue;
      }
      const Real *own = &weights[static_cast<size_t>(column * w_stride)];
      const Real largest = largest_of(own, k);
      double sum = (add ? was : 0.0) + (biased ? static_cast<double>(bias[static_cast<size_t>(column)]) : 0.0);
      for (int64_t each = 0; each < k; ++each)
        sum += stored(own[each], largest, storage) * static_cast<double>(x[static_cast<size_t>(row * x_stride + each)]);
      CHECK(std::fabs(static_cast<double>(y[at]) - sum) <= tolerance, kernels.name, " n ", n, " k ", k, " m ", m,
            " storage ", storage, ": ", y[at], " is not ", sum);
    }
}

TEST("matrix_times over odd shapes, strides and storages, with add and bias") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const double tolerance = sizeof(Real) == 4 ? 1e-5 : 1e-13;
    int64_t turn = 0;
    for (const Shape &shape : shapes()) {
      if (check::quick() && ++turn % 7 != 0) continue;
      const bool add = (shape.n + shape.m) % 2, biased = (shape.k + shape.m) % 3 != 0;
      times_one<Real>(kernels, shape, ENSUE_FULL, add, biased, shape.m % 4, tolerance);
      if (sizeof(Real) == 8) continue;
      times_one<Real>(kernels, shape, ENSUE_BF16, !add, biased, 0, tolerance);
      times_one<Real>(kernels, shape, ENSUE_INT8, add, !biased, 1, tolerance);
    }
  });
}

TEST("a row of a product is the same bits whatever stands in the other rows of its tile") {
  each_float_table([](const ensue_kernels &kernels) {
    Chance chance(5);
    const int64_t n = 37, k = 21, m = 30;
    const Guarded packed(kernels.matrix_bytes(n, k, ENSUE_FULL));
    kernels.matrix_pack(chance.numbers<float>(n * k, 1.0).data(), k, n, k, ENSUE_FULL, packed.start());
    const std::vector<float> x = chance.numbers<float>(m * k, 1.0);
    std::vector<float> turned(x.size()), y(m * n), y_turned(m * n);
    for (int64_t row = 0; row < m; ++row) std::copy_n(&x[row * k], k, &turned[(m - 1 - row) * k]);
    kernels.matrix_times(packed.start(), n, k, ENSUE_FULL, x.data(), k, m, nullptr, y.data(), n, 0);
    kernels.matrix_times(packed.start(), n, k, ENSUE_FULL, turned.data(), k, m, nullptr, y_turned.data(), n, 0);
    for (int64_t row = 0; row < m; ++row)
      CHECK(std::memcmp(&y[row * n], &y_turned[(m - 1 - row) * n], n * sizeof(float)) == 0, kernels.name, " row ", row);
  });
}

TEST("what is no number, or too large, stays so in every storage") {
  each_float_table([](const ensue_kernels &kernels) {
    for (const int storage : {ENSUE_FULL, ENSUE_BF16, ENSUE_INT8})
      for (const float bad : {NAN, -NAN, INFINITY}) {
        const float w[6] = {1, 2, 3, 4, bad, 6}, x[3] = {1, 1, 1};
        float y[2];
        const Guarded packed(kernels.matrix_bytes(2, 3, storage));
        kernels.matrix_pack(w, 3, 2, 3, storage, packed.start());
        kernels.matrix_times(packed.start(), 2, 3, storage, x, 3, 1, nullptr, y, 2, 0);
        CHECK(std::fabs(y[0] - 6) < 0.05f, kernels.name, " storage ", storage, ": ", y[0]);
        CHECK(!std::isfinite(y[1]), kernels.name, " storage ", storage, ": ", bad, " became ", y[1]);
      }
  });
}

TEST("in bf16 a weight halfway between two goes to the even one, and none grows past the largest") {
  each_float_table([](const ensue_kernels &kernels) {
    const float w[4] = {1 + 1 / 256.0f, 1 + 3 / 256.0f, -1 - 1 / 256.0f, 3e38f},
                expected[4] = {1, 1 + 1 / 64.0f, -1, 3e38f};
    for (int each = 0; each < 4; ++each) {
      const float x = 1;
      float y = 0;
      const Guarded packed(kernels.matrix_bytes(1, 1, ENSUE_BF16));
      kernels.matrix_pack(w + each, 1, 1, 1, ENSUE_BF16, packed.start());
      kernels.matrix_times(packed.start(), 1, 1, ENSUE_BF16, &x, 1, 1, nullptr, &y, 1, 0);
      CHECK(std::fabs(y - expected[each]) <= expected[3] * 0.002f * (each == 3), kernels.name, ": ", w[each], " became ",
            y);
    }
  });
}

TEST("whole numbers stand for very small weights too, down to those that count as zero") {
  each_float_table([](const ensue_kernels &kernels) {
    for (const float size : {1e-30f, 1e-35f, 3e-38f, 1e-40f, 2.6e-43f, 1e-45f, 0.0f}) {
      const float w[2] = {size, -size}, x[2] = {1e36f, 0};
      float y = 0;
      const Guarded packed(kernels.matrix_bytes(1, 2, ENSUE_INT8));
      kernels.matrix_pack(w, 2, 1, 2, ENSUE_INT8, packed.start());
      kernels.matrix_times(packed.start(), 1, 2, ENSUE_INT8, x, 2, 1, nullptr, &y, 1, 0);
      const float expected = size * 1e36f, least = size >= 1e-35f ? expected * 0.995f : 0;
      CHECK(y >= least && y <= expected * 1.005f, kernels.name, " ", size, ": ", y, " is not ", expected);
    }
  });
}

TEST("a matrix that cannot be is refused") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Real w[4] = {};
    const Guarded packed(kernels.matrix_bytes(2, 2, ENSUE_FULL));
    const int64_t most = INT64_MAX;
    const std::pair<int64_t, int64_t> sizes[] = {{0, 2},    {2, 0},    {-1, 2},      {2, -1},
                                                 {most, 2}, {2, most}, {most, most}, {1LL << 40, 1LL << 40}};
    for (const auto &[n, k] : sizes)
      CHECK(kernels.matrix_pack(w, 2, n, k, ENSUE_FULL, packed.start()) == ENSUE_BAD_SHAPE, kernels.name, " ", n, " x ", k);
    for (const auto &[n, k] : {std::pair{most, int64_t{2}}, std::pair{int64_t{2}, most}, std::pair{most, most}})
      CHECK(kernels.matrix_bytes(n, k, ENSUE_FULL) == SIZE_MAX, kernels.name, " ", n, " x ", k, " has a size");
    for (const int storage : {-1, 3})
      CHECK(kernels.matrix_pack(w, 2, 2, 2, storage, packed.start()) == ENSUE_BAD_STORAGE, kernels.name, " ", storage);
    if (sizeof(Real) == 8)
      CHECK(kernels.matrix_pack(w, 2, 2, 2, ENSUE_BF16, packed.start()) == ENSUE_BAD_STORAGE, "double in bf16");
    packed.check("packed matrix");
  });
}

}  // namespace
