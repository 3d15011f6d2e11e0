/* One LSTM layer given to a table of kernels: its problem by chance, every buffer guarded. */
#ifndef ENSUE_TESTS_LSTM_CASE_H
#define ENSUE_TESTS_LSTM_CASE_H

#include "guarded.h"
#include "reference.h"
#include "tables.h"

#include <algorithm>

struct Sizes {
  int64_t input, hidden, batch, time;
};

inline std::ostream &operator<<(std::ostream &to, const Sizes &sizes) {
  return to << "input " << sizes.input << " hidden " << sizes.hidden << " batch " << sizes.batch << " time " << sizes.time;
}

template <typename Real>
Doubles widened(const std::vector<Real> &numbers) {
  return Doubles(numbers.begin(), numbers.end());
}

template <typename Real>
class Case {
 public:
  Case(const ensue_kernels &kernels, Sizes sizes, bool varied, bool reverse, int threads, int storage = ENSUE_FULL,
       uint64_t seed = 1)
      : kernels(kernels),
        sizes(sizes),
        storage(storage),
        packed(kernels.lstm_bytes(sizes.input, sizes.hidden, storage)),
        packed_back(kernels.lstm_back_bytes(sizes.input, sizes.hidden)) {
    Chance chance(seed);
    const int64_t rows = sizes.batch, in = sizes.input, hidden = sizes.hidden;
    const double most = 1.5 / std::sqrt(static_cast<double>(hidden));
    weight_ih = chance.numbers<Real>(4 * hidden * in, most);
    weight_hh = chance.numbers<Real>(4 * hidden * hidden, most);
    bias = chance.numbers<Real>(4 * hidden, 1.0);
    x = chance.numbers<Real>(rows * sizes.time * in, 2.0);
    h = chance.numbers<Real>(rows * hidden, 1.0);
    c = chance.numbers<Real>(rows * hidden, 2.0);
    dy = chance.numbers<Real>(rows * sizes.time * hidden, 1.0);
    dh = chance.numbers<Real>(rows * hidden, 1.0);
    dc = chance.numbers<Real>(rows * hidden, 1.0);
    if (varied)
      for (int64_t row = 0; row < rows; ++row) lengths.push_back(1 + chance.below(sizes.time));
    call.input_size = in;
    call.hidden_size = hidden;
    call.batch = rows;
    call.time = sizes.time;
    call.storage = storage;
    call.reverse = reverse;
    call.threads = threads;
    pack();
  }

  void pack() {
    const int status = kernels.lstm_pack(sizes.input, sizes.hidden, weight_ih.data(), weight_hh.data(), bias.data(),
                                         storage, packed.start());
    CHECK(status == ENSUE_OK, "lstm_pack says ", status);
    const int back =
        kernels.lstm_pack_back(sizes.input, sizes.hidden, weight_ih.data(), weight_hh.data(), packed_back.start());
    CHECK(back == ENSUE_OK, "lstm_pack_back says ", back);
    packed.check("packed weights");
    packed_back.check("weights packed for the way back");
  }

  /* With weights other than its own, where these are stored in fewer bits. */
  Problem problem() const {
    Problem p = {sizes.input,        sizes.hidden,       sizes.batch,   sizes.time,  call.reverse != 0,
                 widened(weight_ih), widened(weight_hh), widened(bias), widened(x),  widened(h),
                 widened(c),         widened(dy),        widened(dh),   widened(dc), lengths};
    if (lengths.empty()) p.lengths.assign(static_cast<size_t>(sizes.batch), sizes.time);
    return p;
  }

  const ensue_kernels &kernels;
  const Sizes sizes;
  const int storage;
  Guarded packed, packed_back;
  std::vector<Real> weight_ih, weight_hh, bias, x, h, c, dy, dh, dc;
  std::vector<int64_t> lengths; /* none: all rows have `time` steps */
  ensue_lstm_call call = {};
};

/* What a call of lstm_forward leaves. Strides have a gap, so that what lies between rows must stay as it was. */
template <typename Real>
struct Forward {
  static constexpr int64_t gap = 3;

  Numbers<Real> x, y, h, c;
  Guarded reserve, workspace;
  ensue_lstm_call call;
  int status;

  /* `time`: of the arrays; what is beyond the case's own time is padding, and no numbers. */
  Forward(const Case<Real> &from, bool keep, int64_t time)
      : x(static_cast<size_t>(from.sizes.batch * time * (from.sizes.input + gap))),
        y(static_cast<size_t>(from.sizes.batch * time * (from.sizes.hidden + gap))),
        h(from.h),
        c(from.c),
        reserve(keep ? bytes_of(from, time, nullptr, &ensue_kernels::lstm_reserve_bytes) : 0),
        workspace(bytes_of(from, time, keep ? reserve.start() : nullptr, &ensue_kernels::lstm_workspace_bytes)) {
    call = call_of(from, time);
    const int64_t in = from.sizes.input;
    for (int64_t row = 0; row < from.sizes.batch; ++row) {
      const int64_t steps = from.lengths.empty() ? from.sizes.time : from.lengths[static_cast<size_t>(row)];
      for (int64_t t = 0; t < steps; ++t)
        std::copy_n(from.x.data() + (row * from.sizes.time + t) * in, in, x.data() + (row * time + t) * (in + gap));
    }
    call.x = x.data();
    call.y = y.data();
    call.h = h.data();
    call.c = c.data();
    call.reserve = keep ? reserve.start() : nullptr;
    call.workspace = workspace.start();
    status = from.kernels.lstm_forward(&call);
    for (const auto &[buffer, name] : {std::pair{&x, "x"}, std::pair{&y, "y"}, std::pair{&h, "h"}, std::pair{&c, "c"}})
      buffer->check(name);
    reserve.check("reserve");
    workspace.check("workspace");
    from.packed.check("packed weights");
  }
  Forward(const Case<Real> &from, bool keep) : Forward(from, keep, from.sizes.time) {}

  static ensue_lstm_call call_of(const Case<Real> &from, int64_t time) {
    ensue_lstm_call call = from.call;
    call.time = time;
    call.weights = from.packed.start();
    call.lengths = from.lengths.empty() ? nullptr : from.lengths.data();
    call.x_time_stride = from.sizes.input + gap;
    call.x_batch_stride = time * call.x_time_stride;
    call.y_time_stride = from.sizes.hidden + gap;
    call.y_batch_stride = time * call.y_time_stride;
    return call;
  }

  static size_t bytes_of(const Case<Real> &from, int64_t time, void *reserve,
                         size_t (*ensue_kernels::*size)(const ensue_lstm_call *)) {
    ensue_lstm_call call = call_of(from, time);
    call.reserve = reserve;
    return (from.kernels.*size)(&call);
  }

  /* Number `unit` of the hidden state that row shows at time t. */
  Real shown(int64_t row, int64_t t, int64_t unit) const {
    return y[static_cast<size_t>(row * call.y_batch_stride + t * call.y_time_stride + unit)];
  }
};

/* The furthest that `found` is from `expected`, as a share of the largest number expected; 1e9 where one is no number. */
template <typename Found>
double furthest(const Found &found, const Doubles &expected, double least = 0.1) {
  double far = 0, largest = least;
  for (const double each : expected) largest = std::max(largest, std::fabs(each));
  for (size_t each = 0; each < expected.size(); ++each) {
    const double distance = std::fabs(static_cast<double>(found[each]) - expected[each]);
    far = std::max(far, distance <= 1e9 ? distance : 1e9);
  }
  return far / largest;
}

#endif
