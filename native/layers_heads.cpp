/* The heads; the equations are in ensue/layers/heads.py. */
#include "layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

namespace ensue {
namespace {

/* exp and log(1 + exp) without branches, so that the compiler computes several at once; NaN stays NaN. To about 2e-7. */
inline float exponential(float x) {
  constexpr float per_log2 = 1.44269504f, log2_high = 0.693359375f, log2_low = -2.12194440e-4f;
  constexpr float round = 12582912.0f; /* 1.5 * 2^23: what is added to it loses its fraction */
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifted = x * per_log2 + round, n = shifted - round;
  const float r = (x - n * log2_high) - n * log2_low; /* |r| <= ln(2) / 2: a Taylor series of degree 7 is exact enough */
  float sum = 1.0f / 5040.0f;
  sum = sum * r + 1.0f / 720.0f;
  sum = sum * r + 1.0f / 120.0f;
  sum = sum * r + 1.0f / 24.0f;
  sum = sum * r + 1.0f / 6.0f;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = static_cast<int32_t>((static_cast<uint32_t>(bits) << 23) + 0x3f800000u); /* 2^n */
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return sum * scale;
}

/* log(1 + e) for e from 0 to 1 is 2 artanh(e / (2 + e)): a series in the square of at most 1/3. */
inline float softplus(float x) {
  const float e = exponential(x < 0.0f ? x : -x), s = e / (2.0f + e), q = s * s;
  float sum = 1.0f / 15.0f;
  sum = sum * q + 1.0f / 13.0f;
  sum = sum * q + 1.0f / 11.0f;
  sum = sum * q + 1.0f / 9.0f;
  sum = sum * q + 1.0f / 7.0f;
  sum = sum * q + 1.0f / 5.0f;
  sum = sum * q + 1.0f / 3.0f;
  sum = sum * q + 1.0f;
  return (x > 0.0f ? x : 0.0f) + 2.0f * s * sum;
}

/* Gates with the correction, and steps, are two products, so that each lies in one piece for all rows and steps. */
class QuantileHead : public Layer {
 public:
  QuantileHead(int64_t input_size, int64_t levels, int64_t median, int64_t anchors, Matrix gates,
               std::optional<Matrix> steps)
      : Layer(input_size, levels), median_(median), anchors_(anchors), gates_(std::move(gates)), steps_(std::move(steps)) {}

  bool is_head() const override { return true; }
  int64_t held_per_step() const override { return anchors_ + output_size; }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    float *gates = reinterpret_cast<float *>(passage.scratch); /* time x batch x (anchors + 1) */
    float *steps = gates + passage.time * passage.batch * (anchors_ + 1); /* time x batch x (levels - 1) */
    multiply(gates_, x, gates, anchors_ + 1, passage);
    if (steps_) multiply(*steps_, x, steps, output_size - 1, passage);
    answer(gates, steps, y, passage);
    return ENSUE_OK;
  }

  const float *step(const float *x, float *y, const Passage &passage, int &) const noexcept override {
    float *gates = reinterpret_cast<float *>(passage.scratch), *steps = gates + anchors_ + 1;
    gates_.times(x, input_size, 1, gates, anchors_ + 1);
    if (steps_) steps_->times(x, input_size, 1, steps, output_size - 1);
    answer(gates, steps, {y, output_size, output_size}, passage);
    return y;
  }

 private:
  static void multiply(const Matrix &matrix, const In &x, float *to, int64_t size, const Passage &passage) {
    over_rows(passage, x, Out{to, size, passage.batch * size},
              [&](int64_t rows, const float *in, int64_t in_stride, float *out, int64_t out_stride) {
                matrix.times(in, in_stride, rows, out, out_stride);
              });
  }

  /* Gates and steps are used up. */
  void answer(float *gates, float *steps, const Out &y, const Passage &passage) const {
    const int64_t count = passage.time * passage.batch;
    if (anchors_ > 0) {
      float *gate = gates;
      for (int64_t t = 0; t < passage.time; ++t)
        for (int64_t b = 0; b < passage.batch; ++b, gate += anchors_ + 1) {
          float largest = gate[0];
          for (int64_t i = 1; i < anchors_; ++i) largest = gate[i] > largest ? gate[i] : largest;
          for (int64_t i = 0; i < anchors_; ++i) gate[i] -= largest;
          y.at(b, t)[median_] = gate[anchors_]; /* the correction, before it is lost */
        }
      for (int64_t i = 0; i < count * (anchors_ + 1); ++i) gates[i] = exponential(gates[i]);
    }
    for (int64_t i = 0; i < count * (output_size - 1); ++i) steps[i] = softplus(steps[i]);
    for (int64_t t = 0; t < passage.time; ++t)
      for (int64_t b = 0; b < passage.batch; ++b, gates += anchors_ + 1, steps += output_size - 1)
        spread(gates, steps, anchors_ > 0 ? passage.anchors.at(b, t) : nullptr, y.at(b, t));
  }

  /* Of one row and step: shares before their sum is 1, widths between quantiles. */
  void spread(const float *shares, const float *widths, const float *anchors, float *y) const {
    float sum = 0.0f, mixed = 0.0f;
    for (int64_t i = 0; i < anchors_; ++i) {
      sum += shares[i];
      mixed += shares[i] * anchors[i];
    }
    const float median = anchors_ > 0 ? y[median_] + mixed / sum : shares[0];
    y[median_] = median;
    float distance = 0.0f;
    for (int64_t i = median_ - 1; i >= 0; --i) y[i] = median - (distance += widths[i]);
    distance = 0.0f;
    for (int64_t i = median_ + 1; i < output_size; ++i) y[i] = median + (distance += widths[i - 1]);
  }

  int64_t median_, anchors_;
  Matrix gates_;
  std::optional<Matrix> steps_; /* none where the median is the only level */
};

class SoftmaxHead : public Layer {
 public:
  SoftmaxHead(int64_t input_size, int64_t classes, Matrix matrix)
      : Layer(input_size, classes), matrix_(std::move(matrix)) {}

  bool is_head() const override { return true; }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    over_rows(passage, x, y, [&](int64_t rows, const float *in, int64_t in_stride, float *out, int64_t out_stride) {
      matrix_.times(in, in_stride, rows, out, out_stride);
      for (int64_t row = 0; row < rows; ++row) answer(out + row * out_stride);
    });
    return ENSUE_OK;
  }

 private:
  void answer(float *y) const {
    float largest = y[0];
    for (int64_t i = 1; i < output_size; ++i) largest = y[i] > largest ? y[i] : largest;
    double sum = 0.0; /* of tens of thousands of classes */
    for (int64_t i = 0; i < output_size; ++i) sum += static_cast<double>(exponential(y[i] -= largest));
    const float whole = static_cast<float>(std::log(sum));
    for (int64_t i = 0; i < output_size; ++i) y[i] -= whole;
  }

  Matrix matrix_;
};

}  // namespace

/* quantile_head: input_size, levels, median, anchors; weight, bias.  softmax_head: input_size, classes; weight, bias. */
bool make_head(Taker &take, const std::string &kind, int64_t &anchors, Layers &layers) {
  if (kind == "quantile_head") {
    const int64_t input = take.size("input_size"), levels = take.size("levels");
    const int64_t median = take.whole("median", 0, levels - 1);
    anchors = take.whole("anchors", 0, 1000000000);
    const float *weight = take.weight((anchors + levels) * input).data, *bias = take.weight(anchors + levels).data;
    const int64_t gates = anchors + 1;
    std::optional<Matrix> steps;
    if (levels > 1)
      steps.emplace(take.kernels, take.storage, levels - 1, input, weight + gates * input, bias + gates);
    layers.push_back(std::make_unique<QuantileHead>(
        input, levels, median, anchors, Matrix(take.kernels, take.storage, gates, input, weight, bias), std::move(steps)));
  } else if (kind == "softmax_head") {
    const int64_t input = take.size("input_size"), classes = take.whole("classes", 2, 1000000000);
    layers.push_back(std::make_unique<SoftmaxHead>(input, classes, take.matrix(classes, input, true)));
  } else {
    return false;
  }
  return true;
}

}  // namespace ensue
