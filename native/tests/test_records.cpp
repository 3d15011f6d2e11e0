/* What an LSTM layer leaves of its gates: a trace against double precision, sums against the trace. */
#include "lstm_case.h"

namespace {

constexpr int64_t SUMS = ENSUE_SUMS, TRACED = ENSUE_TRACED;

/* A call that leaves a trace or sums; every buffer of exactly its size, with gaps that must stay as they were. */
template <typename Real>
struct Recorded {
  static constexpr int64_t gap = 2;

  Numbers<Real> x, y, h, c, trace;
  Numbers<double> sums;
  int64_t trace_stride, sums_stride;
  int status;

  Recorded(const Case<Real> &from, bool traced, const std::vector<double> &before = {})
      : x(from.x),
        y(static_cast<size_t>(from.sizes.batch * from.sizes.time * from.sizes.hidden)),
        h(from.h),
        c(from.c),
        trace(static_cast<size_t>(traced ? TRACED * (from.sizes.batch * from.sizes.time * (from.sizes.hidden + gap) + gap) : 0)),
        sums(static_cast<size_t>(traced ? 0 : SUMS * (from.sizes.batch * from.sizes.hidden + gap))),
        trace_stride(from.sizes.batch * from.sizes.time * (from.sizes.hidden + gap) + gap),
        sums_stride(from.sizes.batch * from.sizes.hidden + gap) {
    ensue_lstm_call call = Forward<Real>::call_of(from, from.sizes.time);
    call.x = x.data();
    call.x_time_stride = from.sizes.input;
    call.x_batch_stride = from.sizes.time * from.sizes.input;
    call.y = y.data();
    call.y_time_stride = from.sizes.hidden;
    call.y_batch_stride = from.sizes.time * from.sizes.hidden;
    call.h = h.data();
    call.c = c.data();
    if (traced) call.trace = trace.data();
    call.trace_stride = trace_stride;
    call.trace_time_stride = from.sizes.hidden + gap;
    call.trace_batch_stride = from.sizes.time * call.trace_time_stride;
    if (!traced) call.sums = sums.data();
    call.sums_stride = sums_stride;
    for (int64_t kind = 0; kind < SUMS && !traced; ++kind)
      for (int64_t each = 0; each < from.sizes.batch * from.sizes.hidden; ++each)
        sums.data()[kind * sums_stride + each] =
            before.empty() ? 0 : before[static_cast<size_t>(kind * from.sizes.batch * from.sizes.hidden + each)];
    const Guarded workspace(from.kernels.lstm_workspace_bytes(&call));
    call.workspace = workspace.start();
    status = from.kernels.lstm_forward(&call);
    for (const auto *each : {&x, &y, &h, &c, &trace}) each->check("a buffer");
    sums.check("sums");
    workspace.check("workspace");
  }
};

struct Kind {
  Sizes sizes;
  bool varied, reverse;
  int threads;
};

std::vector<Kind> kinds() {
  std::vector<Kind> all = {{{9, 40, 13, 60}, true, false, 3}, {{64, 64, 1, 40}, false, true, 1}, {{40, 33, 5, 9}, true, true, 1}};
  int64_t count = 0;
  for (const int64_t hidden : {1, 4, 5, 15, 16, 17, 33})
    for (const int64_t batch : {1, 2, 7})
      for (const int64_t time : {1, 15, 16, 17, 33})
        if (!check::quick() || count++ % 7 == 0)
          all.push_back({{1 + hidden % 9, hidden, batch, time}, (hidden + batch) % 2 == 0, time % 3 == 0, 1});
  return all;
}

template <typename Real>
int64_t length_of(const Case<Real> &given, int64_t row) {
  return given.lengths.empty() ? given.sizes.time : given.lengths[static_cast<size_t>(row)];
}

TEST("a trace is what double precision says, and nothing is written beside it or beyond a length") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const Kind &kind : kinds()) {
      const Sizes &sizes = kind.sizes;
      const Case<Real> given(kernels, sizes, kind.varied, kind.reverse, kind.threads);
      const Answer answer = solve(given.problem(), false);
      const Recorded<Real> found(given, true);
      CHECK(found.status == ENSUE_OK, "lstm_forward says ", found.status);
      const double tolerance = sizeof(Real) == 4 ? 4e-6 : 1e-13;
      CHECK(std::max({furthest(found.y, answer.y), furthest(found.h, answer.h), furthest(found.c, answer.c)}) <= tolerance,
            kernels.name, " ", sizes, ": the outputs are others");
      size_t at = 0;
      for (int64_t traced = 0; traced < TRACED; ++traced)
        for (int64_t row = 0; row < sizes.batch; ++row)
          for (int64_t t = 0; t < sizes.time; ++t)
            for (int64_t unit = 0; unit < sizes.hidden + found.gap; ++unit) {
              const Real seen = found.trace[static_cast<size_t>(
                  traced * found.trace_stride + (row * sizes.time + t) * (sizes.hidden + found.gap) + unit)];
              const bool inside = unit < sizes.hidden && t < length_of(given, row);
              const double expected = unit < sizes.hidden ? answer.trace[at++] : 0;
              CHECK(inside ? std::fabs(seen - expected) <= tolerance * std::max(1.0, std::fabs(expected)) : std::isnan(seen),
                    kernels.name, " ", sizes, " kind ", traced, " row ", row, " step ", t, " unit ", unit, ": ", seen,
                    " is not ", expected);
            }
    }
  });
}

/* What the sums are after a trace, of one unit. */
struct Summed {
  double sums[SUMS];
  bool at_an_edge = false; /* a gate so near to being closed or open that rounding decides */

  void add(double i, double f, double g, double o, double c) {
    sums[ENSUE_LOG_FORGET] += std::log(std::max(f, 0x1p-63));
    const double gates[] = {i, f, o};
    for (int each = 0; each < 3; ++each) {
      sums[ENSUE_CLOSED_I + 2 * each] += gates[each] < 0.1;
      sums[ENSUE_OPEN_I + 2 * each] += gates[each] > 0.9;
      at_an_edge = at_an_edge || std::fabs(std::fabs(gates[each] - 0.5) - 0.4) < 1e-6;
    }
    sums[ENSUE_CELL] += c;
    sums[ENSUE_CELL_SQUARED] += c * c;
    sums[ENSUE_AGED] = f * (sums[ENSUE_AGED] + sums[ENSUE_WRITTEN]);
    sums[ENSUE_WRITTEN] = f * sums[ENSUE_WRITTEN] + std::fabs(i * g);
  }
};

/* `bias`: added to the bias of the forget gates. Then nothing comes back from h: the logarithm of a gate that is hardly open
 * would show every rounding. */
template <typename Real>
void sums_of_trace(const ensue_kernels &kernels, const Kind &kind, double bias) {
  const Sizes &sizes = kind.sizes;
  Case<Real> given(kernels, sizes, kind.varied, kind.reverse, kind.threads);
  for (int64_t unit = sizes.hidden; unit < 2 * sizes.hidden; ++unit) given.bias[static_cast<size_t>(unit)] += static_cast<Real>(bias);
  if (bias != 0) std::fill(given.weight_hh.begin(), given.weight_hh.end(), Real{0});
  given.pack();
  Chance chance(5);
  std::vector<double> before(static_cast<size_t>(SUMS * sizes.batch * sizes.hidden));
  for (double &each : before) each = chance.within(0.5) + 0.5;
  const Recorded<Real> traced(given, true), found(given, false, before);
  CHECK(found.status == ENSUE_OK, "lstm_forward says ", found.status);
  for (int64_t row = 0; row < sizes.batch; ++row)
    for (int64_t unit = 0; unit < sizes.hidden; ++unit) {
      Summed expected;
      const auto at = [&](int64_t traced_kind, int64_t t) {
        return static_cast<double>(traced.trace[static_cast<size_t>(
            traced_kind * traced.trace_stride + (row * sizes.time + t) * (sizes.hidden + traced.gap) + unit)]);
      };
      for (int64_t each = 0; each < SUMS; ++each)
        expected.sums[each] = before[static_cast<size_t>((each * sizes.batch + row) * sizes.hidden + unit)];
      const int64_t length = length_of(given, row);
      for (int64_t step = 0; step < length; ++step) {
        const int64_t t = kind.reverse ? length - 1 - step : step;
        expected.add(at(ENSUE_I, t), at(ENSUE_F, t), at(ENSUE_G, t), at(ENSUE_O, t), at(ENSUE_C, t));
      }
      for (int64_t each = 0; each < SUMS; ++each) {
        const double sum = found.sums[static_cast<size_t>(each * found.sums_stride + row * sizes.hidden + unit)];
        if (expected.at_an_edge && each >= ENSUE_CLOSED_I && each <= ENSUE_OPEN_O) continue;
        const double allowed = (sizeof(Real) == 4 ? 1e-5 : 1e-9) * std::max(1.0, std::fabs(expected.sums[each]));
        CHECK(std::fabs(sum - expected.sums[each]) <= allowed, kernels.name, " ", sizes, " reverse ", kind.reverse, " bias ",
              bias, " sum ", each, " row ", row, " unit ", unit, ": ", sum, " is not ", expected.sums[each]);
      }
    }
  for (int64_t each = 0; each < SUMS; ++each)
    for (int64_t beside = sizes.batch * sizes.hidden; beside < found.sums_stride; ++beside)
      CHECK(std::isnan(found.sums[static_cast<size_t>(each * found.sums_stride + beside)]), "between sums was written");
}

TEST("sums go on from what is given, and are those of the trace") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    for (const Kind &kind : kinds()) sums_of_trace<decltype(zero)>(kernels, kind, 0.0);
  });
}

TEST("forget gates that are 0, hardly open, or 1 lose nothing of the sums") {
  each_float_table([](const ensue_kernels &kernels) {
    for (const double bias : {-60.0, -14.0, -8.0, 8.0, 14.0, 60.0})
      for (const int64_t batch : {1, 4}) sums_of_trace<float>(kernels, {{3, 21, batch, 70}, batch > 1, false, 1}, bias);
  });
}

TEST("a million steps are added up as well as ten") {
  if (check::quick()) return;
  const int64_t steps = 1000000;
  each_float_table([&](const ensue_kernels &kernels) {
    for (const double bias : {0.0, 6.0, 12.0}) {
      Case<float> given(kernels, {1, 2, 1, steps}, false, false, 1);
      for (const size_t unit : {2, 3}) given.bias[unit] += static_cast<float>(bias);
      given.pack();
      const Recorded<float> traced(given, true), found(given, false);
      Summed expected = {};
      for (int64_t t = 0; t < steps; ++t) {
        const auto at = [&](int64_t kind) {
          return static_cast<double>(traced.trace[static_cast<size_t>(kind * traced.trace_stride + t * (2 + traced.gap))]);
        };
        expected.add(at(ENSUE_I), at(ENSUE_F), at(ENSUE_G), at(ENSUE_O), at(ENSUE_C));
      }
      for (int64_t each = 0; each < SUMS; ++each) {
        const double sum = found.sums[static_cast<size_t>(each * found.sums_stride)];
        const bool counted = each >= ENSUE_CLOSED_I && each <= ENSUE_OPEN_O; /* some gates are at an edge */
        CHECK(std::fabs(sum - expected.sums[each]) <= (counted ? 2.5 : 1e-5 * std::fabs(expected.sums[each])), kernels.name,
              " bias ", bias, " sum ", each, ": ", sum, " is not ", expected.sums[each]);
      }
    }
  });
}

TEST("rows without a step stay as they are") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const bool traced : {false, true})
      for (const bool all : {false, true}) {
        Case<Real> given(kernels, {3, 18, 4, 20}, false, true, 2);
        given.lengths = {0, all ? 0 : 20, 0, all ? 0 : 7};
        const Recorded<Real> found(given, traced);
        CHECK(found.status == ENSUE_OK, "lstm_forward says ", found.status);
        for (const size_t row : {0, 1, 2, 3})
          for (size_t unit = row * 18; unit < row * 18 + 18; ++unit) {
            const bool still = given.lengths[row] == 0;
            CHECK((found.h[unit] == given.h[unit] && found.c[unit] == given.c[unit]) == still, kernels.name, " row ", row);
            CHECK(traced || (found.sums[unit] == 0) == still, kernels.name, " row ", row, " has sums");
            CHECK(!still || found.y[row * 20 * 18 + unit % 18] == 0, kernels.name, " row ", row, " has an output");
          }
      }
  });
}

TEST("a reserve, a trace and sums are not asked for at once") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Case<Real> given(kernels, {2, 3, 4, 5}, false, false, 1);
    double place = 0;
    for (const int asked : {3, 5, 6, 7}) {
      ensue_lstm_call call = Forward<Real>::call_of(given, 5);
      if ((asked & 1) != 0) call.reserve = &place;
      if ((asked & 2) != 0) call.trace = &place;
      if ((asked & 4) != 0) call.sums = &place;
      CHECK(kernels.lstm_forward(&call) == ENSUE_BAD_RECORD, kernels.name, " takes ", asked);
    }
  });
}

}  // namespace
