/* Backward through time, against the same in double precision. */
#include "lstm_case.h"

namespace {

/* What a call of lstm_backward leaves; dy and dx have gaps between rows. */
template <typename Real>
struct Backward {
  static constexpr int64_t gap = 2;

  Numbers<Real> dy, dh, dc, dx, dweight_ih, dweight_hh, dbias;
  Guarded workspace;
  ensue_lstm_gradient_call call;

  Backward(const Case<Real> &from, const Forward<Real> &forward, bool wants_dx = true, bool has_dy = true)
      : dy(static_cast<size_t>(rows(forward) * (from.sizes.hidden + gap))),
        dh(from.dh),
        dc(from.dc),
        dx(static_cast<size_t>(rows(forward) * (from.sizes.input + gap))),
        dweight_ih(from.weight_ih.size()),
        dweight_hh(from.weight_hh.size()),
        dbias(from.bias.size()),
        workspace(from.kernels.lstm_gradient_workspace_bytes(set(from, forward, wants_dx, has_dy))) {
    const int64_t hidden = from.sizes.hidden, time = forward.call.time;
    for (int64_t row = 0; row < from.sizes.batch; ++row) {
      const int64_t steps = from.lengths.empty() ? from.sizes.time : from.lengths[static_cast<size_t>(row)];
      for (int64_t t = 0; t < steps; ++t)
        std::copy_n(from.dy.data() + (row * from.sizes.time + t) * hidden, hidden,
                    dy.data() + (row * time + t) * (hidden + gap));
    }
    call.workspace = workspace.start();
    const std::vector<unsigned char> kept(forward.reserve.start(), forward.reserve.start() + forward.reserve.bytes());
    const int status = from.kernels.lstm_backward(&call);
    CHECK(status == ENSUE_OK, "lstm_backward says ", status);
    CHECK(std::memcmp(kept.data(), forward.reserve.start(), kept.size()) == 0, from.kernels.name, " wrote to the reserve");
    for (const auto &[buffer, name] :
         {std::pair{&dy, "dy"}, std::pair{&dh, "dh"}, std::pair{&dc, "dc"}, std::pair{&dx, "dx"},
          std::pair{&dweight_ih, "dweight_ih"}, std::pair{&dweight_hh, "dweight_hh"}, std::pair{&dbias, "dbias"}})
      buffer->check(name);
    workspace.check("workspace");
  }

  static int64_t rows(const Forward<Real> &forward) { return forward.call.batch * forward.call.time; }

  const ensue_lstm_gradient_call *set(const Case<Real> &from, const Forward<Real> &forward, bool wants_dx, bool has_dy) {
    call = {};
    call.forward = forward.call;
    call.forward.x = nullptr; /* nobody may look at them */
    call.forward.y = call.forward.h = call.forward.c = nullptr;
    call.weights = from.packed_back.start();
    call.dy = has_dy ? dy.data() : nullptr;
    call.dy_time_stride = from.sizes.hidden + gap;
    call.dy_batch_stride = forward.call.time * call.dy_time_stride;
    call.dh = dh.data();
    call.dc = dc.data();
    call.dx = wants_dx ? dx.data() : nullptr;
    call.dx_time_stride = from.sizes.input + gap;
    call.dx_batch_stride = forward.call.time * call.dx_time_stride;
    call.dweight_ih = dweight_ih.data();
    call.dweight_hh = dweight_hh.data();
    call.dbias = dbias.data();
    return &call;
  }

  bool same_bits(const Backward &other) const {
    return dh.same_bits(other.dh) && dc.same_bits(other.dc) && dx.same_bits(other.dx) &&
           dweight_ih.same_bits(other.dweight_ih) && dweight_hh.same_bits(other.dweight_hh) && dbias.same_bits(other.dbias);
  }
};

template <typename Real>
std::vector<Real> without_gaps(const Numbers<Real> &from, int64_t rows, int64_t width) {
  std::vector<Real> result;
  for (int64_t row = 0; row < rows; ++row)
    result.insert(result.end(), from.data() + row * (width + 2), from.data() + row * (width + 2) + width);
  return result;
}

template <typename Real>
void against_reference(const Case<Real> &given, bool wants_dx, bool has_dy) {
  Problem problem = given.problem();
  if (!has_dy) problem.dy.assign(problem.dy.size(), 0.0);
  const Answer answer = solve(problem, true);
  const Forward<Real> forward(given, true);
  const Backward<Real> found(given, forward, wants_dx, has_dy);
  double far =
      std::max({furthest(found.dh, answer.dh), furthest(found.dc, answer.dc), furthest(found.dweight_ih, answer.dweight_ih),
                furthest(found.dweight_hh, answer.dweight_hh), furthest(found.dbias, answer.dbias)});
  const std::vector<Real> dx = without_gaps(found.dx, given.sizes.batch * given.sizes.time, given.sizes.input);
  if (wants_dx) {
    far = std::max(far, furthest(dx, answer.dx));
    for (int64_t row = 0; row < given.sizes.batch; ++row)
      for (int64_t at = problem.lengths[static_cast<size_t>(row)] * given.sizes.input;
           at < given.sizes.time * given.sizes.input; ++at)
        CHECK(dx[static_cast<size_t>(row * given.sizes.time * given.sizes.input + at)] == 0,
              "dx beyond a length is not zero");
  } else {
    for (const Real each : dx) CHECK(std::isnan(each), "dx was written, and was not wanted");
  }
  const double tolerance = sizeof(Real) == 4 ? 8e-6 : 1e-13;
  CHECK(far <= tolerance, given.kernels.name, " ", given.sizes, " lengths ", !given.lengths.empty(), " reverse ",
        given.call.reverse, " threads ", given.call.threads, ": ", far, " off");
}

TEST("gradients are what double precision says, whatever the sizes") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    int64_t turn = 0;
    for (const int64_t hidden : {1, 3, 4, 7, 16, 17, 33})
      for (const int64_t input : {1, 5, 18})
        for (const int64_t batch : {1, 2, 7})
          for (const int64_t time : {1, 2, 10}) {
            if (check::quick() && ++turn % 9 != 0) continue;
            const bool varied = (hidden + batch) % 2 == 0, reverse = (input + time) % 2 == 0;
            const Case<Real> given(kernels, {input, hidden, batch, time}, varied, reverse, 1);
            against_reference(given, (hidden + time) % 4 != 0, (batch + time) % 4 != 0);
          }
    if (check::quick()) return against_reference(Case<Real>(kernels, {9, 40, 13, 60}, true, true, 3), true, true);
    for (const Sizes &sizes : {Sizes{9, 40, 37, 60}, Sizes{2, 24, 250, 9}, Sizes{40, 64, 6, 45}, Sizes{70, 130, 9, 12}})
      for (const int threads : {1, 2, 3, 5})
        against_reference(Case<Real>(kernels, sizes, threads != 2, threads == 3, threads), true, true);
  });
}

TEST("five threads share these batches out, and the same number of threads gives the same bits") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Sizes sizes = {9, 40, check::quick() ? 13 : 37, 60};
    size_t before = 0;
    for (const int threads : {1, 2, 3, 5, 1000}) {
      if (check::quick() && threads > 3) continue;
      const Case<Real> given(kernels, sizes, true, false, threads);
      const Forward<Real> one(given, true), other(given, true);
      CHECK(one.y.same_bits(other.y) && one.h.same_bits(other.h) && one.c.same_bits(other.c), kernels.name, " ", threads);
      const Backward<Real> back(given, one), again(given, other);
      CHECK(back.same_bits(again), kernels.name, " ", threads, ": gradients differ");
      CHECK(back.workspace.bytes() > before, kernels.name, ": ", threads, " threads are not used");
      before = back.workspace.bytes();
    }
  });
}

TEST("gradients are the same bits whatever padding follows the rows") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Case<Real> given(kernels, {5, 19, 11, 14}, true, true, 1);
    const Forward<Real> forward(given, true), longer(given, true, 23);
    const Backward<Real> close(given, forward), far(given, longer);
    CHECK(close.dweight_hh.same_bits(far.dweight_hh) && close.dweight_ih.same_bits(far.dweight_ih) &&
              close.dbias.same_bits(far.dbias) && close.dh.same_bits(far.dh) && close.dc.same_bits(far.dc),
          kernels.name, ": gradients differ");
  });
}

TEST("what is no number in one row leaves the gradients of the other rows' inputs as they were") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    Case<Real> given(kernels, {5, 19, 11, 14}, true, false, 1);
    const Forward<Real> forward(given, true);
    const Backward<Real> sound(given, forward);
    given.x[static_cast<size_t>(4 * given.sizes.time * given.sizes.input + 1)] = Real(NAN);
    const Forward<Real> bad_forward(given, true);
    const Backward<Real> bad(given, bad_forward);
    const int64_t width = given.sizes.time * (given.sizes.input + 2);
    for (int64_t row = 0; row < given.sizes.batch; ++row) {
      const bool same = std::memcmp(sound.dx.data() + row * width, bad.dx.data() + row * width,
                                    static_cast<size_t>(width) * sizeof(Real)) == 0;
      CHECK(same == (row != 4), kernels.name, " row ", row);
    }
    CHECK(std::isnan(bad.dweight_hh[0]), kernels.name, ": the gradients of the weights hide it");
  });
}

}  // namespace
