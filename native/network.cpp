/* A network run: a batch is cut into tiles of rows, and where the network is causal a sequence into spans of steps, so that
 * what a piece passes from layer to layer stays in the processor's cache, and the workspace stays bounded. */
#include "network_parts.h"

#include "denormals.h"
#include "threads.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ensue {
namespace {

constexpr int64_t kPiece = 1 << 17;     /* numbers worked on at once: half a megabyte, which stays in a second cache */
constexpr int64_t kSpan = 16;           /* steps that a tile should have room for: fewer, and calls begin to cost */
constexpr int64_t kMostRows = 384;      /* in a tile: more do not make products any faster */
constexpr int64_t kWorthwhile = 500000; /* products that a second thread should have to do */
constexpr int kMostThreads = 1024;

/* Adds `numbers` for each of `count` to a place in the workspace; kTooLarge where that is no size. */
size_t after(size_t place, int64_t count, int64_t numbers) {
  size_t bytes;
  if (place == kTooLarge ||
      __builtin_mul_overflow(static_cast<size_t>(count), static_cast<size_t>(numbers) * sizeof(float), &bytes) ||
      __builtin_add_overflow(place, align_up(bytes), &bytes) || bytes > kTooLarge / 2)
    return kTooLarge;
  return bytes;
}

/* Rows of the largest of some parts. */
int64_t shared_out(int64_t rows, int64_t parts) { return rows / parts + (rows % parts != 0 ? 1 : 0); }

struct Parts {
  const Network *network;
  const Network::Call *call;
  char *workspace;
  int count;
  std::atomic<int> status;
};

}  // namespace

int64_t Network::output_time(int64_t time, bool outputs) const {
  (void)outputs; /* a head changes no steps */
  return pools_ ? 1 : time / stride_;
}

int64_t Network::recorded_time(size_t each, int64_t time) const {
  for (const Op &op : ops_) {
    if (op.layer == nullptr) continue;
    const size_t here = op.layer->records();
    if (each < here) break;
    each -= here;
    time = op.layer->pools() ? 1 : time / op.layer->stride();
  }
  return time;
}

size_t Network::count(bool outputs) const {
  const Layer *last = ops_.back().layer;
  return ops_.size() - (!outputs && last != nullptr && last->is_head() ? 1 : 0);
}

/* Each part has at least a row, and enough to do. */
int Network::parts(int64_t batch, int64_t time, int threads) const noexcept {
  const double work = static_cast<double>(weights_) * static_cast<double>(batch) * static_cast<double>(time);
  const double worth = std::max(1.0, work / static_cast<double>(kWorthwhile));
  int count = std::min(threads, kMostThreads);
  if (worth < count) count = static_cast<int>(worth);
  return batch < count ? static_cast<int>(batch) : count;
}

Network::Plan Network::plan(int64_t batch, int64_t time, Recording recording) const noexcept {
  Plan plan = {};
  const int64_t span = causal ? std::min(time, std::max(kSpan, stride_)) : time;
  const double a_row = static_cast<double>(held_per_row_) + static_cast<double>(held_per_step_) * static_cast<double>(span);
  const auto rows = static_cast<int64_t>(static_cast<double>(kPiece) / a_row);
  const int64_t most = std::max<int64_t>(1, std::min({rows, batch, kMostRows}));
  plan.tiles = shared_out(batch, most);
  plan.rows = shared_out(batch, plan.tiles);
  plan.steps = time;
  if (causal) {
    const int64_t room = kPiece / plan.rows - held_per_row_, steps = std::max(kSpan, room / held_per_step_);
    plan.steps = std::min(time, std::max(stride_, steps / stride_ * stride_));
  }
  int64_t sizes[kMostBuffers] = {}, steps = plan.steps;
  bool fits = !__builtin_mul_overflow(steps, input_size, &sizes[kInput]);
  for (const Op &op : ops_) {
    if (op.layer != nullptr) steps = op.layer->pools() ? 1 : steps / op.layer->stride();
    int64_t numbers;
    fits = fits && !__builtin_mul_overflow(steps, op.size, &numbers);
    if (fits) sizes[op.out] = std::max(sizes[op.out], numbers);
  }
  size_t place = fits ? 0 : kTooLarge;
  for (size_t id = 0; id < buffers_.size(); ++id) {
    plan.buffers[id] = place;
    place = after(place, plan.rows, sizes[id]);
  }
  plan.lengths = place;
  place = after(place, plan.rows, 2); /* of eight bytes each */
  plan.scratch = place;
  if (place != kTooLarge && __builtin_add_overflow(place, align_up(scratch_bytes(plan, time, recording)), &place)) place = kTooLarge;
  plan.bytes = place;
  return plan;
}

/* Fewer rows or steps may want more: all the sizes that a piece can have are asked for. */
size_t Network::scratch_bytes(const Plan &plan, int64_t time, Recording recording) const noexcept {
  size_t bytes = 0;
  for (const int64_t rows : {plan.rows, plan.rows - 1})
    for (int64_t steps : {plan.steps, time % plan.steps}) {
      if (rows == 0 || steps == 0) continue;
      for (const Op &op : ops_) {
        if (op.layer == nullptr) continue;
        bytes = std::max(bytes, op.layer->scratch_bytes(rows, steps, recording));
        steps = op.layer->pools() ? 1 : steps / op.layer->stride();
      }
    }
  return bytes;
}

size_t Network::workspace_bytes(int64_t batch, int64_t time, bool, int threads, Recording recording) const noexcept {
  if (batch < 1 || time < 1 || threads < 1) return 0;
  if (batch == 1 && time == 1 && recording == Recording::none) return step_->bytes;
  const int count = parts(batch, time, threads);
  size_t bytes = plan(shared_out(batch, count), time, recording).bytes;
  if (__builtin_mul_overflow(bytes, static_cast<size_t>(count), &bytes) || bytes > kTooLarge / 2) return kTooLarge;
  return bytes;
}

int Network::forward(const float *x, const float *anchors_, float *const *states_, float *y, int64_t batch, int64_t time,
                     const int64_t *lengths, bool outputs, void *workspace, int threads,
                     const Record *records) const noexcept {
  if (batch < 1 || time < 1 || threads < 1 || x == nullptr || time % stride_ != 0) return NETWORK_BAD_CALL;
  if ((workspace == nullptr) || (states_ == nullptr && !states.empty())) return NETWORK_BAD_CALL;
  if (anchors_ == nullptr && anchors > 0 && outputs) return NETWORK_BAD_CALL;
  if (lengths != nullptr)
    for (int64_t row = 0; row < batch; ++row)
      if (lengths[row] < 1 || lengths[row] > time || lengths[row] % stride_ != 0) return ENSUE_BAD_LENGTH;
  Call call = {x, anchors_, states_, y, batch, time, output_time(time, outputs), lengths, count(outputs), kOutput,
               outputs ? output_size : silent_size, step_.get(), recorded.empty() ? nullptr : records};
  if (call.ops < ops_.size()) call.result = ops_.back().in;
  char *memory = static_cast<char *>(workspace);
  const Denormals flushed;
  if (batch == 1 && time == 1 && call.records == nullptr) return run_step(call, memory);
  Recording recording = Recording::none;
  if (call.records != nullptr) recording = call.records->trace == nullptr ? Recording::sums : Recording::trace;
  Parts parts_of = {this, &call, memory, parts(batch, time, threads), {ENSUE_OK}};
  const Plan whole = plan(shared_out(batch, parts_of.count), time, recording);
  call.plan = &whole;
  const auto work = [](void *context, int part) {
    auto &all = *static_cast<Parts *>(context);
    const Denormals flushed_here;
    const int64_t rows = all.call->batch;
    const int status = all.network->run_rows(*all.call, rows * part / all.count, rows * (part + 1) / all.count,
                                             all.workspace + static_cast<size_t>(part) * all.call->plan->bytes);
    if (status != ENSUE_OK) all.status.store(status);
  };
  ensue_in_parts(parts_of.count, work, &parts_of);
  return parts_of.status.load();
}

int Network::run_rows(const Call &call, int64_t first, int64_t after_last, char *workspace) const noexcept {
  const int64_t tiles = call.plan->tiles, all = after_last - first;
  for (int64_t tile = 0; tile < tiles; ++tile) { /* of plan.rows rows, or one fewer */
    const int64_t row = first + all * tile / tiles, rows = first + all * (tile + 1) / tiles - row;
    if (rows == 0) continue;
    for (int64_t step = 0; step < call.time; step += call.plan->steps) {
      const int status = run_piece(call, row, rows, step, workspace);
      if (status != ENSUE_OK) return status;
    }
  }
  return ENSUE_OK;
}

namespace {

/* The steps of each row that lie in this piece; false where all do. */
bool cut(const int64_t *lengths, int64_t rows, int64_t step, int64_t steps, int64_t *own) {
  if (lengths == nullptr) return false;
  bool any = false;
  for (int64_t b = 0; b < rows; ++b) {
    own[b] = std::clamp<int64_t>(lengths[b] - step, 0, steps);
    any = any || own[b] < steps;
  }
  return any;
}

void copy(const Passage &passage, const In &from, const Out &to, int64_t size) {
  const size_t bytes = static_cast<size_t>(size) * sizeof(float);
  over_each(passage, from, to, [bytes](const float *x, float *y) { std::memcpy(y, x, bytes); });
}

/* What lies beyond the lengths becomes zero. */
void hide_padding(const Passage &passage, const Out &values, int64_t size) {
  if (passage.lengths == nullptr) return;
  for (int64_t t = 0; t < passage.time; ++t)
    for (int64_t b = 0; b < passage.batch; ++b)
      if (t >= passage.lengths[b]) std::fill_n(values.at(b, t), size, 0.0f);
}

}  // namespace

int Network::run_piece(const Call &call, int64_t row, int64_t rows, int64_t step, char *workspace) const noexcept {
  const Plan &plan = *call.plan;
  const int64_t steps = std::min(plan.steps, call.time - step);
  auto *own = reinterpret_cast<int64_t *>(workspace + plan.lengths);
  const bool padded = cut(call.lengths == nullptr ? nullptr : call.lengths + row, rows, step, steps, own);
  const int64_t first_output = pools_ ? 0 : step / stride_;
  Passage passage = {rows, steps, padded ? own : nullptr,          call.states,  call.batch, row,
                     {},   workspace + plan.scratch, call.records, call.time, step};
  if (call.anchors != nullptr)
    passage.anchors = {call.anchors + (row * call.output_time + first_output) * anchors, call.output_time * anchors, anchors};
  const auto buffer = [&](int id, int64_t size) {
    return Out{reinterpret_cast<float *>(workspace + plan.buffers[id]), size, rows * size};
  };
  const Out y = {call.y == nullptr ? nullptr : call.y + (row * call.output_time + first_output) * call.size,
                 call.output_time * call.size, call.size};
  In values[kMostBuffers];
  values[kInput] = {call.x + (row * call.time + step) * input_size, call.time * input_size, input_size};
  if (padded) {
    const Out hidden = buffer(kInput, input_size);
    copy(passage, values[kInput], hidden, input_size);
    hide_padding(passage, hidden, input_size);
    values[kInput] = {hidden.data, hidden.batch_stride, hidden.time_stride};
  }
  for (size_t each = 0; each < call.ops; ++each) {
    const Op &op = ops_[each];
    const Out out = op.out == kOutput && y.data != nullptr ? y : buffer(op.out, op.size);
    if (op.layer == nullptr) {
      for (int64_t t = 0; t < passage.time; ++t)
        for (int64_t b = 0; b < rows; ++b) {
          const float *in = values[op.in].at(b, t), *kept = values[op.kept].at(b, t);
          float *sum = out.at(b, t);
          for (int64_t i = 0; i < op.size; ++i) sum[i] = kept[i] + in[i];
        }
    } else {
      const int status = op.layer->forward(values[op.in], out, passage);
      if (status != ENSUE_OK) return status;
      const int64_t stride = op.layer->stride();
      passage.time = op.layer->pools() ? 1 : passage.time / stride;
      passage.all_time = op.layer->pools() ? 1 : passage.all_time / stride;
      passage.step /= stride; /* where it pools, the piece begins at 0 */
      if (op.layer->pools()) passage.lengths = nullptr;
    }
    values[op.out] = {out.data, out.batch_stride, out.time_stride};
  }
  if (y.data == nullptr) return ENSUE_OK;
  if (call.result != kOutput) copy(passage, values[call.result], y, call.size);
  hide_padding(passage, y, call.size);
  return ENSUE_OK;
}

/* One row, one step: the same, with everything known beforehand. */
int Network::run_step(const Call &call, char *workspace) const noexcept {
  const float *values[kMostBuffers];
  values[kInput] = call.x;
  int status = ENSUE_OK;
  const Passage passage = {1, 1, nullptr, call.states, 1, 0, {call.anchors, anchors, anchors}, workspace + step_->scratch,
                           nullptr, 1, 0};
  for (size_t each = 0; each < call.ops; ++each) {
    const Op &op = ops_[each];
    float *own = reinterpret_cast<float *>(workspace + step_->buffers[op.out]);
    float *out = op.out == kOutput && call.y != nullptr ? call.y : own;
    if (op.layer != nullptr) {
      values[op.out] = op.layer->step(values[op.in], out, passage, status);
      if (status != ENSUE_OK) return status;
      continue;
    }
    const float *in = values[op.in], *kept = values[op.kept];
    for (int64_t i = 0; i < op.size; ++i) out[i] = kept[i] + in[i];
    values[op.out] = out;
  }
  const float *result = values[call.result];
  if (call.y != nullptr && result != call.y) std::memcpy(call.y, result, static_cast<size_t>(call.size) * sizeof(float));
  return ENSUE_OK;
}

bool Network::find_bad_code(const float *x, int64_t batch, int64_t time, const int64_t *lengths,
                            BadCode &found) const noexcept {
  const Op &op = ops_.front();
  if (op.layer == nullptr || op.in != kInput) return false;
  for (const Layer::Codes &codes : op.layer->codes()) {
    found = {INFINITY, -INFINITY, codes.categories};
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < time; ++t) {
        const bool hidden = lengths != nullptr && t >= lengths[b];
        const float code = hidden ? 0.0f : x[(b * time + t) * input_size + codes.column];
        if (!(code >= found.low)) found.low = code; /* NaN wins, and stays */
        if (!(code <= found.high)) found.high = code;
        if (code != code) {
          found.low = found.high = code;
          return true;
        }
      }
    if (!(found.low >= 0.0f && found.high < static_cast<float>(codes.categories))) return true;
  }
  return false;
}

}  // namespace ensue
