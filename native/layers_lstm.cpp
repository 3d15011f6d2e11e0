/* The LSTM: each of its layers, in one direction or both, is a layer of the network; the equations are in
 * learn/reference.py. */
#include "layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ensue {
namespace {

/* Where a layer stands in its stack, and in the state: h at `state`, c after it, its first row `place`; its first direction
 * is number `record` of what is recorded. */
struct Place {
  int64_t hidden, directions, state, place;
  size_t record;
  bool skips; /* what comes in is added to what goes out */
};

class OneOfStack : public Layer {
 public:
  OneOfStack(int64_t input_size, const Place &at) : Layer(input_size, at.hidden * at.directions), at_(at) {}
  bool causal() const override { return at_.directions == 1; }
  size_t records() const override { return static_cast<size_t>(at_.directions); }

 protected:
  /* This piece's part of what is recorded of a direction. */
  Record record(const Passage &passage, int64_t direction) const {
    if (passage.records == nullptr) return {nullptr, nullptr, 0};
    const Record &whole = passage.records[at_.record + static_cast<size_t>(direction)];
    return {whole.trace == nullptr ? nullptr : whole.trace + (passage.row * passage.all_time + passage.step) * at_.hidden,
            whole.sums == nullptr ? nullptr : whole.sums + passage.row * at_.hidden, whole.sums_stride};
  }

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

  size_t scratch_bytes(int64_t batch, int64_t time, Recording recording) const override {
    ensue_lstm_call call = call_of(batch, time);
    double asked_for;
    call.trace = recording == Recording::trace ? &asked_for : nullptr;
    call.sums = recording == Recording::sums ? &asked_for : nullptr;
    const size_t bytes = kernels_->lstm_workspace_bytes(&call);
    return batch == 1 && time == 1 ? std::max(bytes, kernels_->lstm_step_bytes(input_size, at_.hidden)) : bytes;
  }

  int forward(const In &x, const Out &y, const Passage &passage) const noexcept override {
    int status = ENSUE_OK;
    for (int64_t direction = 0; direction < at_.directions; ++direction) status |= run(x, y, passage, direction);
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

  int run(const In &x, const Out &y, const Passage &passage, int64_t direction) const {
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
    call.lengths = passage.lengths;
    call.workspace = passage.scratch;
    const Record own = record(passage, direction);
    call.trace = own.trace;
    call.trace_time_stride = at_.hidden;
    call.trace_batch_stride = passage.all_time * at_.hidden;
    call.trace_stride = passage.all_rows * call.trace_batch_stride;
    call.sums = own.sums;
    call.sums_stride = own.sums_stride;
    return kernels_->lstm_forward(&call);
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
    const Record left = record(passage, direction);
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
        float *own = from_input + (t * batch + b) * gates;
        step_row(cell, own, from_hidden + b * gates, shown, h + b * hidden, c + b * hidden);
        if (left.trace != nullptr)
          trace(own, c + b * hidden, h + b * hidden, left.trace + (b * passage.all_time + t) * hidden,
                passage.all_rows * passage.all_time * hidden);
        if (left.sums != nullptr) move_on(own, c + b * hidden, left.sums + b * hidden, left.sums_stride);
        std::memcpy(y.at(b, t) + direction * hidden, h + b * hidden, static_cast<size_t>(hidden) * sizeof(float));
      }
    }
  }

  /* h and c move on; `recurrent` (gates) is used up, and `sums` become the gates. */
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

  void trace(const float *gates, const float *c, const float *h, float *to, int64_t stride) const {
    for (int64_t gate = 0; gate < 4; ++gate) std::copy_n(gates + gate * at_.hidden, at_.hidden, to + gate * stride);
    std::copy_n(c, at_.hidden, to + ENSUE_C * stride);
    std::copy_n(h, at_.hidden, to + ENSUE_H * stride);
  }

  void move_on(const float *gates, const float *c, double *sums, int64_t stride) const {
    for (int64_t j = 0; j < at_.hidden; ++j) {
      const float i = gates[j], f = gates[at_.hidden + j], g = gates[2 * at_.hidden + j], o = gates[3 * at_.hidden + j];
      const auto sum = [=](int kind) -> double & { return sums[kind * stride + j]; };
      sum(ENSUE_LOG_FORGET) += std::log(f < 0x1p-63f ? 0x1p-63 : static_cast<double>(f));
      sum(ENSUE_CLOSED_I) += i < 0.1f;
      sum(ENSUE_OPEN_I) += i > 0.9f;
      sum(ENSUE_CLOSED_F) += f < 0.1f;
      sum(ENSUE_OPEN_F) += f > 0.9f;
      sum(ENSUE_CLOSED_O) += o < 0.1f;
      sum(ENSUE_OPEN_O) += o > 0.9f;
      sum(ENSUE_CELL) += static_cast<double>(c[j]);
      sum(ENSUE_CELL_SQUARED) += static_cast<double>(c[j]) * static_cast<double>(c[j]);
      const double forget = f;
      sum(ENSUE_AGED) = forget * (sum(ENSUE_AGED) + sum(ENSUE_WRITTEN));
      sum(ENSUE_WRITTEN) = forget * sum(ENSUE_WRITTEN) + std::fabs(static_cast<double>(i) * static_cast<double>(g));
    }
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
bool make_lstm(Taker &take, const std::string &kind, std::vector<StateShape> &states, std::vector<int64_t> &recorded,
               Layers &layers) {
  if (kind != "lstm") return false;
  int64_t input_size = take.size("input_size");
  const int64_t hidden = take.whole("hidden_size", 1, 100000000), count = take.whole("layers", 1, 100);
  const int64_t directions = take.whole("directions", 1, 2);
  const bool layer_norm = take.flag("layer_norm"), residual = take.flag("residual");
  Place at = {hidden, directions, static_cast<int64_t>(states.size()), 0, recorded.size(), false};
  states.insert(states.end(), 2, {count * directions, hidden});
  recorded.insert(recorded.end(), static_cast<size_t>(count * directions), hidden);
  for (int64_t layer = 0; layer < count; ++layer) {
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
    at.place += directions;
    at.record += static_cast<size_t>(directions);
    input_size = hidden * directions;
  }
  return true;
}

}  // namespace ensue
