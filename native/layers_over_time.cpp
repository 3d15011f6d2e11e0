/* Layers that look at more than one step, but for the LSTM: convolution, pooling, attention pooling. The equations are in
 * ensue/layers/convolution.py and pooling.py. */
#include "layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ensue {
namespace {

constexpr int64_t kLargestState = 10000000; /* ensue.layers.LARGEST_STATE */
constexpr int64_t kRows = 64;               /* gathered or scored at once */

struct Window {
  int64_t width, stride, dilation;
  bool causal;
  int64_t reach() const { return (width - 1) * dilation; }
};

/* The inputs that an output sees lie side by side, and are one row of a product: where the window has no holes they do so
 * of themselves, otherwise some rows at a time are gathered. */
class Convolution : public Layer {
 public:
  Convolution(int64_t input_size, int64_t output_size, const Window &window, int64_t state, Activation activation,
              const ensue_kernels *kernels, Matrix matrix)
      : Layer(input_size, output_size), window_(window), state_(state), activation_(activation), kernels_(kernels),
        matrix_(std::move(matrix)) {}

  int64_t stride() const override { return window_.stride; }
  bool causal() const override { return window_.causal; }
  int64_t held_per_row() const override { return window_.reach() * input_size; }
  int64_t held_per_step() const override { return input_size; }

  size_t scratch_bytes(int64_t batch, int64_t time, Recording recording) const override {
    size_t bytes;
    const size_t gathered = window_.dilation == 1 ? 0 : static_cast<size_t>(kRows * seen()) * sizeof(float);
    return __builtin_add_overflow(align_up(Layer::scratch_bytes(batch, time, recording)), gathered, &bytes) ? kTooLarge : bytes;
  }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    float *joined = reinterpret_cast<float *>(passage.scratch); /* batch x (reach + time) x input */
    const int64_t row_size = (window_.reach() + passage.time) * input_size;
    join(x, joined, passage);
    Passage out = passage;
    out.time = passage.time / window_.stride;
    out.scratch += align_up(Layer::scratch_bytes(passage.batch, passage.time, Recording::none));
    const int64_t first = window_.causal ? window_.stride - 1 : 0;
    const In seen_from = {joined + first * input_size, row_size, window_.stride * input_size};
    over_rows(out, seen_from, y, [&](int64_t rows, const float *in, int64_t in_stride, float *sums, int64_t stride) {
      if (window_.dilation == 1)
        matrix_.times(in, in_stride, rows, sums, stride);
      else
        gather_and_multiply(rows, in, in_stride, sums, stride, reinterpret_cast<float *>(out.scratch));
      activate(*kernels_, activation_, sums, stride, rows, output_size);
    });
    if (passage.lengths != nullptr)
      for (int64_t b = 0; b < passage.batch; ++b) passage.lengths[b] /= window_.stride;
    return ENSUE_OK;
  }

 private:
  int64_t seen() const { return window_.width * input_size; }
  size_t bytes(int64_t numbers) const { return static_cast<size_t>(numbers) * sizeof(float); }

  void gather_and_multiply(int64_t rows, const float *in, int64_t in_stride, float *sums, int64_t stride,
                           float *gathered) const {
    for (int64_t from = 0; from < rows; from += kRows) {
      const int64_t count = std::min(kRows, rows - from);
      for (int64_t row = 0; row < count; ++row)
        for (int64_t k = 0; k < window_.width; ++k)
          std::memcpy(gathered + row * seen() + k * input_size,
                      in + (from + row) * in_stride + k * window_.dilation * input_size, bytes(input_size));
      matrix_.times(gathered, seen(), count, sums + from * stride, stride);
    }
  }

  /* Of each row the inputs before x, x, and what comes to stand after it: zeros where the window is centred. The state
   * moves on. */
  void join(const In &x, float *joined, const Passage &passage) const {
    const int64_t reach = window_.reach(), before = window_.causal ? reach : reach / 2;
    for (int64_t b = 0; b < passage.batch; ++b, joined += (reach + passage.time) * input_size) {
      const int64_t length = passage.lengths == nullptr ? passage.time : passage.lengths[b];
      for (int64_t t = 0; t < passage.time; ++t)
        std::memcpy(joined + (before + t) * input_size, x.at(b, t), bytes(input_size));
      if (window_.causal) {
        recall(joined, b, length, passage);
      } else {
        std::memset(joined, 0, bytes(before * input_size));
        std::memset(joined + (before + length) * input_size, 0, bytes((reach - before + passage.time - length) * input_size));
      }
    }
  }

  void recall(float *joined, int64_t b, int64_t length, const Passage &passage) const {
    for (int64_t t = 0; t < window_.reach(); ++t)
      std::memcpy(joined + t * input_size, passage.state(state_, t, input_size) + b * input_size, bytes(input_size));
    for (int64_t t = 0; t < window_.reach(); ++t)
      std::memcpy(passage.state(state_, t, input_size) + b * input_size, joined + (length + t) * input_size,
                  bytes(input_size));
  }

  Window window_;
  int64_t state_;
  Activation activation_;
  const ensue_kernels *kernels_;
  Matrix matrix_; /* output x width x input */
};

int64_t length_of(const Passage &passage, int64_t row) {
  return passage.lengths == nullptr ? passage.time : passage.lengths[row];
}

enum class How { mean, max, last };

class Pooling : public Layer {
 public:
  Pooling(int64_t size, How how) : Layer(size, size), how_(how) {}
  bool pools() const override { return true; }
  bool causal() const override { return false; }
  int64_t held_per_row() const override { return 2 * output_size + 16; } /* sums in double precision */

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    for (int64_t b = 0; b < passage.batch; ++b) {
      const int64_t length = length_of(passage, b);
      float *out = y.at(b, 0);
      if (how_ == How::mean)
        mean(x, out, b, length, reinterpret_cast<double *>(passage.scratch));
      else
        std::memcpy(out, x.at(b, how_ == How::last ? length - 1 : 0), static_cast<size_t>(output_size) * sizeof(float));
      if (how_ == How::max)
        for (int64_t t = 1; t < length; ++t) raise(out, x.at(b, t));
    }
    return ENSUE_OK;
  }

 private:
  void mean(const In &x, float *out, int64_t row, int64_t length, double *sums) const {
    std::fill_n(sums, output_size, 0.0);
    for (int64_t t = 0; t < length; ++t) {
      const float *in = x.at(row, t);
      for (int64_t i = 0; i < output_size; ++i) sums[i] += static_cast<double>(in[i]);
    }
    for (int64_t i = 0; i < output_size; ++i) out[i] = static_cast<float>(sums[i] / static_cast<double>(length));
  }

  /* NaN wins, as in NumPy. */
  void raise(float *out, const float *in) const {
    for (int64_t i = 0; i < output_size; ++i) out[i] = in[i] <= out[i] ? out[i] : (out[i] != out[i] ? out[i] : in[i]);
  }

  How how_;
};

class AttentionPooling : public Layer {
 public:
  AttentionPooling(int64_t size, int64_t inner, const ensue_kernels *kernels, Matrix matrix, const Weight &query)
      : Layer(size, size), inner_(inner), kernels_(kernels), matrix_(std::move(matrix)), query_(copied(query)) {}
  bool pools() const override { return true; }
  bool causal() const override { return false; }
  int64_t held_per_step() const override { return 1; }

  size_t scratch_bytes(int64_t batch, int64_t time, Recording recording) const override {
    size_t inner, bytes;
    if (__builtin_mul_overflow(static_cast<size_t>(inner_), kRows * sizeof(float), &inner) ||
        __builtin_add_overflow(inner, align_up(Layer::scratch_bytes(1, time, recording)), &bytes))
      return kTooLarge;
    (void)batch; /* one row of the batch at a time */
    return bytes;
  }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    float *inner = reinterpret_cast<float *>(passage.scratch); /* kRows x inner */
    float *shares = inner + kRows * inner_;                    /* time */
    for (int64_t b = 0; b < passage.batch; ++b) {
      const int64_t length = length_of(passage, b);
      for (int64_t t = 0; t < length; t += kRows)
        score(x.at(b, t), x.time_stride, std::min(kRows, length - t), inner, shares + t);
      float largest = shares[0], sum = 0.0f;
      for (int64_t t = 1; t < length; ++t) largest = shares[t] > largest ? shares[t] : largest;
      for (int64_t t = 0; t < length; ++t) sum += shares[t] = std::exp(shares[t] - largest);
      float *out = y.at(b, 0);
      std::fill_n(out, output_size, 0.0f);
      for (int64_t t = 0; t < length; ++t) {
        const float *in = x.at(b, t), share = shares[t] / sum;
        for (int64_t i = 0; i < output_size; ++i) out[i] += share * in[i];
      }
    }
    return ENSUE_OK;
  }

 private:
  void score(const float *x, int64_t stride, int64_t rows, float *inner, float *scores) const {
    matrix_.times(x, stride, rows, inner, inner_);
    kernels_->tanh(rows * inner_, inner, inner);
    for (int64_t row = 0; row < rows; ++row) {
      float sum = 0.0f;
      for (int64_t i = 0; i < inner_; ++i) sum += inner[row * inner_ + i] * query_[static_cast<size_t>(i)];
      scores[row] = sum;
    }
  }

  int64_t inner_;
  const ensue_kernels *kernels_;
  Matrix matrix_;
  std::vector<float> query_;
};

std::unique_ptr<Layer> convolution(Taker &take, std::vector<StateShape> &states) {
  const int64_t input = take.size("input_size"), output = take.size("output_size");
  const int64_t width = take.size("width"), stride = take.size("stride"), dilation = take.size("dilation");
  const Window window = {width, stride, dilation, take.flag("causal")};
  const bool bias = take.flag("bias");
  const auto activation = static_cast<Activation>(take.whole("activation", 0, 4));
  if (!window.causal && width % 2 == 0) take.refuse("it is centred and its width is even");
  if (window.reach() > kLargestState || window.reach() * input > kLargestState) take.refuse("it reaches back too far");
  int64_t count;
  if (__builtin_mul_overflow(output * input, width, &count)) take.refuse("its weights are too many");
  const float *given = take.weight(count).data; /* output x input x width */
  const float *bias_data = bias ? take.weight(output).data : nullptr;
  std::vector<float> turned(static_cast<size_t>(count)); /* output x width x input */
  for (int64_t o = 0; o < output; ++o)
    for (int64_t i = 0; i < input; ++i)
      for (int64_t k = 0; k < width; ++k) turned[static_cast<size_t>((o * width + k) * input + i)] = *given++;
  Matrix matrix(take.kernels, take.storage, output, width * input, turned.data(), bias_data);
  const auto state = static_cast<int64_t>(states.size());
  if (window.causal && window.reach() > 0) states.push_back({window.reach(), input});
  return std::make_unique<Convolution>(input, output, window, state, activation, take.kernels, std::move(matrix));
}

}  // namespace

/* convolution: input_size, output_size, width, stride, dilation, causal, bias, activation; weight, bias.
 * pooling: size, how (mean, max, last).  attention_pooling: size, inner_size; weight, bias, query. */
bool make_over_time(Taker &take, const std::string &kind, std::vector<StateShape> &states, Layers &layers) {
  if (kind == "convolution") {
    layers.push_back(convolution(take, states));
  } else if (kind == "pooling") {
    const int64_t size = take.size("size");
    layers.push_back(std::make_unique<Pooling>(size, static_cast<How>(take.whole("how", 0, 2))));
  } else if (kind == "attention_pooling") {
    const int64_t given = take.size("size"), inner = take.size("inner_size");
    Matrix matrix = take.matrix(inner, given, true);
    layers.push_back(
        std::make_unique<AttentionPooling>(given, inner, take.kernels, std::move(matrix), take.weight(inner)));
  } else {
    return false;
  }
  return true;
}

}  // namespace ensue
