// y = W x + bias for many x: weights packed once into panels, then a few rows at a time.
#ifndef ENSUE_MATRIX_H
#define ENSUE_MATRIX_H

#include "tile.h"

namespace {

constexpr int PANEL = MANY_REGISTERS ? 4 : 2;  // vectors of outputs side by side

// Packed: a scale for each output (int8 alone), then panel after panel, k after k; the last panel is as narrow as it can be.
struct Matrix {
  int64_t n, k;
  int32_t storage;

  bool fits() const { return (static_cast<double>(n) + 64) * (static_cast<double>(k) + 1) * sizeof(real) < MOST_WEIGHTS; }
  int64_t vectors() const { return (n + V - 1) / V; }
  int64_t scales() const { return storage == ENSUE_INT8 ? vectors() * V : 0; }
  size_t head() const { return aligned(static_cast<size_t>(scales()) * sizeof(real)); }
  size_t bytes() const { return head() + aligned(static_cast<size_t>(vectors() * V * k) * element_bytes(storage)); }
};

// What is no number is the largest.
real largest_of(const real *values, int64_t count) {
  real largest = 0;
  for (int64_t each = 0; each < count; ++each) {
    const real size = values[each] < 0 ? -values[each] : values[each];
    if (size > largest || size != size) largest = size;
  }
  return largest;
}

size_t matrix_bytes(int64_t n, int64_t k, int32_t storage) {
  if (n < 1 || k < 1) return 0;
  const Matrix matrix = {n, k, storage};
  return matrix.fits() ? matrix.bytes() : NO_SIZE;
}

int matrix_pack(const void *w, int64_t w_stride, int64_t n, int64_t k, int32_t storage, void *packed) {
  const Matrix matrix = {n, k, storage};
  if (n < 1 || k < 1 || !matrix.fits()) return ENSUE_BAD_SHAPE;
  if (!storage_known(storage)) return ENSUE_BAD_STORAGE;
  const real *weights = static_cast<const real *>(w);
  memset(packed, 0, matrix.bytes());
  real *scales = static_cast<real *>(packed);
  void *elements = static_cast<char *>(packed) + matrix.head();
  for (int64_t output = 0; output < n; ++output) {
    const real *row = weights + output * w_stride;
    const real scale = storage == ENSUE_INT8 ? largest_of(row, k) / 127 : 0;
    if (storage == ENSUE_INT8) scales[output] = scale;
    const int64_t panel = output / (PANEL * V), within = output % (PANEL * V);
    const int64_t width = smaller(PANEL, matrix.vectors() - panel * PANEL) * V;
    const int64_t start = panel * PANEL * V * k + within;
    for (int64_t each = 0; each < k; ++each) put(elements, start + each * width, row[each], storage, scale);
  }
  return ENSUE_OK;
}

// What one product reads and writes. The inputs of a row may lie in several runs of `run` numbers, `run_stride` apart.
struct Product {
  const real *x;
  int64_t x_stride, run, run_stride, runs, rows;
  const real *bias, *scales;
  real *y;
  int64_t y_stride, n;
  bool add;
};

template <class S, int ROWS, int GROUP>
void product_tile(const Product &product, const typename S::element *panel, int64_t first, int64_t row) {
  vec acc[ROWS][GROUP] = {};
  for (int64_t run = 0; run < product.runs; ++run)
    accumulate<S, ROWS, 1, GROUP>(acc, panel + run * product.run * GROUP * V, 0,
                                  product.x + run * product.run_stride + row * product.x_stride, product.x_stride,
                                  product.run);
#pragma GCC unroll 16
  for (int each = 0; each < GROUP; ++each) {
    const int64_t column = first + each * V, left = product.n - column;
    if (left <= 0) break;
    const vec bias = product.bias ? load_part(product.bias + column, left) : vec{};
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      real *y = product.y + (row + r) * product.y_stride + column;
      vec sum = S::scaled ? acc[r][each] * load(product.scales + column) + bias : acc[r][each] + bias;
      if (product.add) sum += load_part(y, left);
      store_part(y, sum, left);
    }
  }
}

// All rows of one panel: as many at once as the registers hold, then the rest.
template <class S, int GROUP, int ROWS>
void product_rows(const Product &product, const typename S::element *panel, int64_t first, int64_t row) {
  for (; row + ROWS <= product.rows; row += ROWS) product_tile<S, ROWS, GROUP>(product, panel, first, row);
  if constexpr (ROWS > 1) {
    if (row < product.rows) product_rows<S, GROUP, (ROWS > 4 ? 4 : ROWS - 1)>(product, panel, first, row);
  }
}

template <class S>
void product_panels(const Product &product, const void *elements, int64_t k) {
  const int64_t vectors = (product.n + V - 1) / V;
  const typename S::element *panel = static_cast<const typename S::element *>(elements);
  for (int64_t first = 0; first < vectors; first += PANEL, panel += PANEL * V * k) {
    const int64_t group = smaller(PANEL, vectors - first);
    if (group == 1) product_rows<S, 1, 8>(product, panel, first * V, 0);
    if (group == 2) product_rows<S, 2, MANY_REGISTERS ? 8 : 6>(product, panel, first * V, 0);
    if constexpr (PANEL == 4) {
      if (group == 3) product_rows<S, 3, 6>(product, panel, first * V, 0);
      if (group == 4) product_rows<S, 4, 6>(product, panel, first * V, 0);
    }
  }
}

void matrix_times(const void *packed, int64_t n, int64_t k, int32_t storage, const void *x, int64_t x_stride, int64_t m,
                  const void *bias, void *y, int64_t y_stride, int32_t add) {
  const Matrix matrix = {n, k, storage};
  const void *elements = static_cast<const char *>(packed) + matrix.head();
  const Product product = {static_cast<const real *>(x),    x_stride, k, 0, 1, m, static_cast<const real *>(bias),
                           static_cast<const real *>(packed), static_cast<real *>(y), y_stride, n, add != 0};
#if !defined(ENSUE_REAL_DOUBLE)
  if (storage == ENSUE_BF16) return product_panels<Bf16>(product, elements, k);
  if (storage == ENSUE_INT8) return product_panels<Int8>(product, elements, k);
#endif
  product_panels<Full>(product, elements, k);
}

}  // namespace
#endif
