/* Layers that look at one row and step at a time: embeddings, linear maps, norms, the gated feed-forward. */
#include "layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ensue {
namespace {

constexpr int64_t kLine = 256; /* numbers worked on at once beside the values */

void silu(const ensue_kernels &kernels, float *y, int64_t size) {
  float sigmoid[kLine];
  for (int64_t from = 0; from < size; from += kLine) {
    const int64_t count = std::min(kLine, size - from);
    kernels.sigmoid(count, y + from, sigmoid);
    for (int64_t i = 0; i < count; ++i) y[from + i] *= sigmoid[i];
  }
}

void activate_line(const ensue_kernels &kernels, Activation activation, float *y, int64_t size) {
  switch (activation) {
    case Activation::none: break;
    case Activation::relu:
      for (int64_t i = 0; i < size; ++i) y[i] = y[i] < 0.0f ? 0.0f : y[i]; /* so written that NaN stays */
      break;
    case Activation::gelu:
      for (int64_t i = 0; i < size; ++i) y[i] = 0.5f * y[i] * (1.0f + std::erf(y[i] * 0.70710678f));
      break;
    case Activation::silu: silu(kernels, y, size); break;
    case Activation::tanh: kernels.tanh(size, y, y); break;
  }
}

/* A code's row of a table, or NULL. So written that NaN has none. */
const float *row_of(const std::vector<float> &table, int64_t categories, int64_t size, float code) {
  const bool known = code >= 0.0f && code < static_cast<float>(categories);
  return known ? table.data() + std::min(static_cast<int64_t>(code), categories - 1) * size : nullptr;
}

class Embedding : public Layer {
 public:
  Embedding(int64_t categories, int64_t size, const Weight &table)
      : Layer(1, size), categories_(categories), table_(copied(table)) {}

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    bool known = true;
    over_each(passage, x, y, [&](const float *code, float *vector) {
      const float *row = row_of(table_, categories_, output_size, *code);
      if (row != nullptr) std::memcpy(vector, row, static_cast<size_t>(output_size) * sizeof(float));
      known = known && row != nullptr;
    });
    return known ? ENSUE_OK : NETWORK_BAD_CODE;
  }

  std::vector<Codes> codes() const override { return {{0, categories_}}; }

 private:
  int64_t categories_;
  std::vector<float> table_;
};

struct Column {
  int64_t index, categories, size;
  std::vector<float> table;
};

class EmbedColumns : public Layer {
 public:
  EmbedColumns(int64_t input_size, int64_t output_size, std::vector<Column> columns, std::vector<int64_t> kept)
      : Layer(input_size, output_size), columns_(std::move(columns)), kept_(std::move(kept)) {}

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    bool known = true;
    over_each(passage, x, y, [&](const float *in, float *out) {
      for (const int64_t index : kept_) *out++ = in[index];
      for (const Column &column : columns_) {
        const float *row = row_of(column.table, column.categories, column.size, in[column.index]);
        if (row != nullptr) std::memcpy(out, row, static_cast<size_t>(column.size) * sizeof(float));
        known = known && row != nullptr;
        out += column.size;
      }
    });
    return known ? ENSUE_OK : NETWORK_BAD_CODE;
  }

  std::vector<Codes> codes() const override {
    std::vector<Codes> all;
    for (const Column &column : columns_) all.push_back({column.index, column.categories});
    return all;
  }

 private:
  std::vector<Column> columns_;
  std::vector<int64_t> kept_;
};

class Linear : public Layer {
 public:
  Linear(int64_t input_size, int64_t output_size, Activation activation, const ensue_kernels *kernels, Matrix matrix)
      : Layer(input_size, output_size), activation_(activation), kernels_(kernels), matrix_(std::move(matrix)) {}

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    over_rows(passage, x, y, [&](int64_t rows, const float *in, int64_t in_stride, float *out, int64_t out_stride) {
      matrix_.times(in, in_stride, rows, out, out_stride);
      activate(*kernels_, activation_, out, out_stride, rows, output_size);
    });
    return ENSUE_OK;
  }

  const float *step(const float *x, float *y, const Passage &, int &) const noexcept override {
    matrix_.times(x, input_size, 1, y, output_size);
    activate_line(*kernels_, activation_, y, output_size);
    return y;
  }

 private:
  Activation activation_;
  const ensue_kernels *kernels_;
  Matrix matrix_;
};

class LayerNorm : public Layer {
 public:
  LayerNorm(int64_t size, const Weight &gain, const Weight &bias)
      : Layer(size, size), gain_(copied(gain)), bias_(copied(bias)) {}
  bool in_place() const override { return true; }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    over_each(passage, x, y, [&](const float *in, float *out) {
      normalise(in, out, output_size);
      for (int64_t i = 0; i < output_size; ++i) out[i] = out[i] * gain_[i] + bias_[i];
    });
    return ENSUE_OK;
  }

 private:
  std::vector<float> gain_, bias_;
};

class RMSNorm : public Layer {
 public:
  RMSNorm(int64_t size, const Weight &gain) : Layer(size, size), gain_(copied(gain)) {}
  bool in_place() const override { return true; }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    over_each(passage, x, y, [&](const float *in, float *out) {
      const float scale = 1.0f / root_mean_square(in, output_size);
      for (int64_t i = 0; i < output_size; ++i) out[i] = in[i] * scale * gain_[i];
    });
    return ENSUE_OK;
  }

 private:
  std::vector<float> gain_;
};

/* W_down (silu(W_gate x) * W_up x); what stands between is held for some rows at a time. */
class GatedFeedForward : public Layer {
 public:
  GatedFeedForward(int64_t size, int64_t inner, const ensue_kernels *kernels, Matrix gate_up, Matrix down)
      : Layer(size, size), inner_(inner), kernels_(kernels), gate_up_(std::move(gate_up)), down_(std::move(down)) {}

  int64_t held_per_step() const override { return 2 * inner_; }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    float *both = reinterpret_cast<float *>(passage.scratch);
    over_rows(passage, x, y, [&](int64_t rows, const float *in, int64_t in_stride, float *out, int64_t out_stride) {
      gate_up_.times(in, in_stride, rows, both, 2 * inner_);
      for (int64_t row = 0; row < rows; ++row) {
        float *gate = both + row * 2 * inner_;
        silu(*kernels_, gate, inner_);
        for (int64_t i = 0; i < inner_; ++i) gate[i] *= gate[inner_ + i];
      }
      down_.times(both, 2 * inner_, rows, out, out_stride);
    });
    return ENSUE_OK;
  }

 private:
  int64_t inner_;
  const ensue_kernels *kernels_;
  Matrix gate_up_, down_;
};

std::unique_ptr<Layer> embed_columns(Taker &take) {
  const int64_t input_size = take.size("input_size");
  std::vector<Column> columns;
  std::vector<int64_t> kept, indices;
  int64_t output_size = input_size;
  while (take.more_numbers()) {
    Column column;
    column.index = take.whole("a column's index", 0, input_size - 1);
    column.categories = take.size("a column's categories");
    column.size = take.size("a column's size");
    column.table = copied(take.weight(column.categories * column.size));
    output_size += column.size - 1;
    indices.push_back(column.index);
    columns.push_back(std::move(column));
  }
  std::sort(indices.begin(), indices.end());
  if (std::adjacent_find(indices.begin(), indices.end()) != indices.end()) take.refuse("a column is named twice");
  if (output_size < 1) take.refuse("no column is left");
  /* input_size is known to fit the layer before, or the caller's x, only by its number: kept is bounded by neither. */
  if (input_size > 10000000) take.refuse("input_size is larger than any table's");
  for (int64_t index = 0; index < input_size; ++index)
    if (!std::binary_search(indices.begin(), indices.end(), index)) kept.push_back(index);
  return std::make_unique<EmbedColumns>(input_size, output_size, std::move(columns), std::move(kept));
}

}  // namespace

void activate(const ensue_kernels &kernels, Activation activation, float *y, int64_t y_stride, int64_t rows, int64_t size) {
  if (activation == Activation::none) return;
  if (y_stride == size) {
    activate_line(kernels, activation, y, rows * size);
    return;
  }
  for (int64_t row = 0; row < rows; ++row) activate_line(kernels, activation, y + row * y_stride, size);
}

float root_mean_square(const float *x, int64_t size) {
  float sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= size; i += 8)
    for (int j = 0; j < 8; ++j) sums[j] += x[i + j] * x[i + j];
  for (; i < size; ++i) sums[0] += x[i] * x[i];
  const float sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  return std::sqrt(sum / static_cast<float>(size) + kEpsilon);
}

void normalise(const float *x, float *y, int64_t size) {
  float sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= size; i += 8)
    for (int j = 0; j < 8; ++j) sums[j] += x[i + j];
  for (; i < size; ++i) sums[0] += x[i];
  const float sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  const float mean = sum / static_cast<float>(size);
  for (i = 0; i < size; ++i) y[i] = x[i] - mean;
  const float scale = 1.0f / root_mean_square(y, size);
  for (i = 0; i < size; ++i) y[i] *= scale;
}

/* embedding: categories, size; table.  embed_columns: input_size, then index, categories, size of each; a table of each.
 * linear: input_size, output_size, bias, activation; weight, bias.  layer_norm: size; weight, bias.  rms_norm: size; weight.
 * gated_feed_forward: size, inner_size; gate_up, down. */
bool make_pointwise(Taker &take, const std::string &kind, Layers &layers) {
  if (kind == "embedding") {
    const int64_t categories = take.size("vocabulary_size"), size = take.size("size");
    layers.push_back(std::make_unique<Embedding>(categories, size, take.weight(categories * size)));
  } else if (kind == "embed_columns") {
    layers.push_back(embed_columns(take));
  } else if (kind == "linear") {
    const int64_t input = take.size("input_size"), output = take.size("output_size");
    const bool bias = take.flag("bias");
    const auto activation = static_cast<Activation>(take.whole("activation", 0, 4));
    layers.push_back(std::make_unique<Linear>(input, output, activation, take.kernels, take.matrix(output, input, bias)));
  } else if (kind == "layer_norm") {
    const int64_t size = take.size("size");
    const Weight &gain = take.weight(size);
    layers.push_back(std::make_unique<LayerNorm>(size, gain, take.weight(size)));
  } else if (kind == "rms_norm") {
    const int64_t size = take.size("size");
    layers.push_back(std::make_unique<RMSNorm>(size, take.weight(size)));
  } else if (kind == "gated_feed_forward") {
    const int64_t size = take.size("size"), inner = take.size("inner_size");
    Matrix gate_up = take.matrix(2 * inner, size, false);
    layers.push_back(
        std::make_unique<GatedFeedForward>(size, inner, take.kernels, std::move(gate_up), take.matrix(size, inner, false)));
  } else {
    return false;
  }
  return true;
}

}  // namespace ensue
