/* The LSTM: each of its layers, in one direction or both, is a layer of the network; the equations are in
 * learn/reference.py. */
#include "layers.h"

#include <algorithm>
#include <cstring>

namespace ensue {
namespace {

/* Where a layer stands in its stack, and in the state: h at `state`, c after it, its first row `place`. */
struct Place {
  int64_t hidden, directions, state, place;
  bool skips; /* what comes in is added to what goes out */
};

class OneOfStack : public Layer {
 public:
  OneOfStack(int64_t input_size, const Place &at) : Layer(input_size, at.hidden * at.directions), at_(at) {}
  bool causal() const override { return at_.directions == 1; }

 protected:
  void skip(const In &x, const Out &y, const Passage &passage) const {
    if (!at_.skips) return;
    over_each(passage, x, y, [&](const float *in, float *out) {
      for (int64_t i = 0; i < output_size; ++i) out[i] += in[i];
    });
  }

  Place at_;
};

/* With the fused kernel. */
class Fused : public OneOfStack {
 public:
  Fused(int64_t input_size, const Place &at, const ensue_kernels *kernels, int storage, std::vector<Aligned> packed)
      : OneOfStack(input_size, at), kernels_(kernels), storage_(storage), packed_(std::move(packed)) {}

  size_t scratch_bytes(int64_t batch, int64_t time) const override {
    const ensue_lstm_call call = call_of(batch, time);
    size_t bytes = kernels_->lstm_workspace_bytes(&call);
    if (batch == 1 && time == 1) bytes = std::max(bytes, kernels_->lstm_step_bytes(input_size, at_.hidden));
    return __builtin_add_overflow(align_up(bytes), aside_bytes(batch), &bytes) ? kTooLarge : bytes;
  }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    int status = ENSUE_OK;
    for (int64_t direction = 0; direction < at_.directions; ++direction)
      status |= passage.lengths == nullptr ? run(x, y, passage, direction, nullptr) : run_padded(x, y, passage, direction);
    skip(x, y, passage);
    return status;
  }

  const float *step(const float *x, float *y, const Passage &passage, int &) const noexcept override {
    for (int64_t direction = 0; direction < at_.directions; ++direction) {
      float *h = passage.state(at_.state, at_.place + direction, at_.hidden);
      float *c = passage.state(at_.state + 1, at_.place + direction, at_.hidden);
      kernels_->lstm_step(packed_[direction].get(), storage_, input_size, at_.hidden, x, h, c, passage.scratch);
      if (at_.directions == 1 && !at_.skips) return h;
      std::memcpy(y + direction * at_.hidden, h, static_cast<size_t>(at_.hidden) * sizeof(float));
    }
    if (at_.skips)
      for (int64_t i = 0; i < output_size; ++i) y[i] += x[i];
    return y;
  }

 private:
  ensue_lstm_call call_of(int64_t batch, int64_t time) const {
    ensue_lstm_call call = {};
    call.input_size = input_size;
    call.hidden_size = at_.hidden;
    call.batch = batch;
    call.time = time;
    call.storage = storage_;
    call.threads = 1;
    return call;
  }

  /* Of each row its length and its state, which run_padded sets aside: they stand before the kernel's workspace. */
  size_t aside_bytes(int64_t rows) const {
    return align_up(static_cast<size_t>(rows) * (sizeof(int64_t) + 2 * static_cast<size_t>(at_.hidden) * sizeof(float)));
  }

  int run(const In &x, const Out &y, const Passage &passage, int64_t direction, const int64_t *lengths) const {
    ensue_lstm_call call = call_of(passage.batch, passage.time);
    call.weights = packed_[static_cast<size_t>(direction)].get();
    call.reverse = direction == 1;
    call.x = x.data;
    call.x_batch_stride = x.batch_stride;
    call.x_time_stride = x.time_stride;
    call.y = y.data + direction * at_.hidden;
    call.y_batch_stride = y.batch_stride;
    call.y_time_stride = y.time_stride;
    call.h = passage.state(at_.state, at_.place + direction, at_.hidden);
    call.c = passage.state(at_.state + 1, at_.place + direction, at_.hidden);
    call.lengths = lengths;
    call.workspace = passage.scratch + aside_bytes(passage.batch);
    return kernels_->lstm_forward(&call);
  }

  /* The kernel takes no row without a step: those that ended in an earlier piece make one, and are set back. */
  int run_padded(const In &x, const Out &y, const Passage &passage, int64_t direction) const {
    const int64_t hidden = at_.hidden;
    float *h = passage.state(at_.state, at_.place + direction, hidden);
    float *c = passage.state(at_.state + 1, at_.place + direction, hidden);
    auto *lengths = reinterpret_cast<int64_t *>(passage.scratch);
    float *aside = reinterpret_cast<float *>(lengths + passage.batch);
    for (int64_t b = 0; b < passage.batch; ++b) {
      lengths[b] = std::max<int64_t>(passage.lengths[b], 1);
      if (passage.lengths[b] > 0) continue;
      std::copy_n(h + b * hidden, hidden, aside + 2 * b * hidden);
      std::copy_n(c + b * hidden, hidden, aside + (2 * b + 1) * hidden);
    }
    const int status = run(x, y, passage, direction, lengths);
    for (int64_t b = 0; b < passage.batch; ++b) {
      if (passage.lengths[b] > 0) continue;
      std::copy_n(aside + 2 * b * hidden, hidden, h + b * hidden);
      std::copy_n(aside + (2 * b + 1) * hidden, hidden, c + b * hidden);
      std::fill_n(y.at(b, 0) + direction * hidden, hidden, 0.0f);
    }
    return status;
  }

  const ensue_kernels *kernels_;
  int storage_;
  std::vector<Aligned> packed_;
};

/* One direction with layer norm. */
struct NormedCell {
  Matrix weight_ih, weight_hh;
  std::vector<float> bias, gain_ih, gain_hh, gain_c, bias_c;
};

/* With norms within the cell, where the fused kernel cannot be used. */
class Normed : public OneOfStack {
 public:
  Normed(int64_t input_size, const Place &at, const ensue_kernels *kernels, std::vector<NormedCell> cells)
      : OneOfStack(input_size, at), kernels_(kernels), cells_(std::move(cells)) {}

  int64_t held_per_row() const override { return 5 * at_.hidden; } /* what h brings, and a row of c shown */
  int64_t held_per_step() const override { return 4 * at_.hidden; } /* what x brings */

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    for (int64_t direction = 0; direction < at_.directions; ++direction) run(x, y, passage, direction);
    skip(x, y, passage);
    return ENSUE_OK;
  }

 private:
  void run(const In &x, const Out &y, const Passage &passage, int64_t direction) const {
    const NormedCell &cell = cells_[static_cast<size_t>(direction)];
    const int64_t hidden = at_.hidden, gates = 4 * hidden, batch = passage.batch;
    float *from_input = reinterpret_cast<float *>(passage.scratch); /* time x batch x gates */
    float *from_hidden = from_input + passage.time * batch * gates; /* batch x gates */
    float *shown = from_hidden + batch * gates;                     /* hidden */
    over_rows(passage, x, Out{from_input, gates, batch * gates},
              [&](int64_t rows, const float *in, int64_t in_stride, float *out, int64_t out_stride) {
                cell.weight_ih.times(in, in_stride, rows, out, out_stride);
              });
    float *h = passage.state(at_.state, at_.place + direction, hidden);
    float *c = passage.state(at_.state + 1, at_.place + direction, hidden);
    for (int64_t s = 0; s < passage.time; ++s) {
      cell.weight_hh.times(h, hidden, batch, from_hidden, gates);
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t length = passage.lengths == nullptr ? passage.time : passage.lengths[b];
        if (s >= length) {
          std::fill_n(y.at(b, s) + direction * hidden, hidden, 0.0f);
          continue;
        }
        const int64_t t = direction == 1 ? length - 1 - s : s;
        step_row(cell, from_input + (t * batch + b) * gates, from_hidden + b * gates, shown, h + b * hidden, c + b * hidden);
        std::memcpy(y.at(b, t) + direction * hidden, h + b * hidden, static_cast<size_t>(hidden) * sizeof(float));
      }
    }
  }

  /* h and c move on; `sums` and `recurrent` (both gates) are used up. */
  void step_row(const NormedCell &cell, float *sums, float *recurrent, float *shown, float *h, float *c) const {
    const int64_t hidden = at_.hidden, gates = 4 * hidden;
    normalise(sums, sums, gates);
    normalise(recurrent, recurrent, gates);
    for (int64_t i = 0; i < gates; ++i)
      sums[i] = sums[i] * cell.gain_ih[i] + recurrent[i] * cell.gain_hh[i] + cell.bias[i];
    float *i = sums, *f = sums + hidden, *g = sums + 2 * hidden, *o = sums + 3 * hidden;
    kernels_->sigmoid(2 * hidden, i, i);
    kernels_->tanh(hidden, g, g);
    kernels_->sigmoid(hidden, o, o);
    for (int64_t j = 0; j < hidden; ++j) c[j] = f[j] * c[j] + i[j] * g[j];
    normalise(c, shown, hidden);
    for (int64_t j = 0; j < hidden; ++j) shown[j] = shown[j] * cell.gain_c[j] + cell.bias_c[j];
    kernels_->tanh(hidden, shown, shown);
    for (int64_t j = 0; j < hidden; ++j) h[j] = o[j] * shown[j];
  }

  const ensue_kernels *kernels_;
  std::vector<NormedCell> cells_;
};

std::vector<float> sum(const Weight &one, const Weight &other) {
  std::vector<float> both = copied(one);
  for (size_t i = 0; i < both.size(); ++i) both[i] += other.data[i];
  return both;
}

Aligned packed(Taker &take, int64_t input_size, int64_t hidden) {
  const Weight &ih = take.weight(4 * hidden * input_size), &hh = take.weight(4 * hidden * hidden);
  const Weight &bias_ih = take.weight(4 * hidden);
  const std::vector<float> bias = sum(bias_ih, take.weight(4 * hidden));
  Aligned memory(take.kernels->lstm_bytes(input_size, hidden, take.storage));
  if (take.kernels->lstm_pack(input_size, hidden, ih.data, hh.data, bias.data(), take.storage, memory.get()) != ENSUE_OK)
    take.refuse("its weights could not be packed");
  return memory;
}

NormedCell normed(Taker &take, int64_t input_size, int64_t hidden) {
  Matrix ih = take.matrix(4 * hidden, input_size, false), hh = take.matrix(4 * hidden, hidden, false);
  const Weight &bias_ih = take.weight(4 * hidden);
  std::vector<float> bias = sum(bias_ih, take.weight(4 * hidden));
  std::vector<float> gain_ih = copied(take.weight(4 * hidden)), gain_hh = copied(take.weight(4 * hidden));
  std::vector<float> gain_c = copied(take.weight(hidden)), bias_c = copied(take.weight(hidden));
  return {std::move(ih), std::move(hh), std::move(bias), std::move(gain_ih), std::move(gain_hh), std::move(gain_c),
          std::move(bias_c)};
}

}  // namespace

/* lstm: input_size, hidden_size, layers, directions, layer_norm, residual; of each layer and direction weight_ih,
 * weight_hh, bias_ih, bias_hh, and with layer norm gain_ih, gain_hh, gain_c, bias_c. */
bool make_lstm(Taker &take, const std::string &kind, std::vector<StateShape> &states, Layers &layers) {
  if (kind != "lstm") return false;
  int64_t input_size = take.size("input_size");
  const int64_t hidden = take.whole("hidden_size", 1, 100000000), count = take.whole("layers", 1, 100);
  const int64_t directions = take.whole("directions", 1, 2);
  const bool layer_norm = take.flag("layer_norm"), residual = take.flag("residual");
  Place at = {hidden, directions, static_cast<int64_t>(states.size()), 0, false};
  states.insert(states.end(), 2, {count * directions, hidden});
  for (int64_t layer = 0; layer < count; ++layer, at.place += directions, input_size = hidden * directions) {
    at.skips = residual && input_size == hidden * directions;
    if (layer_norm) {
      std::vector<NormedCell> cells;
      for (int64_t each = 0; each < directions; ++each) cells.push_back(normed(take, input_size, hidden));
      layers.push_back(std::make_unique<Normed>(input_size, at, take.kernels, std::move(cells)));
    } else {
      std::vector<Aligned> cells;
      for (int64_t each = 0; each < directions; ++each) cells.push_back(packed(take, input_size, hidden));
      layers.push_back(std::make_unique<Fused>(input_size, at, take.kernels, take.storage, std::move(cells)));
    }
  }
  return true;
}

}  // namespace ensue
