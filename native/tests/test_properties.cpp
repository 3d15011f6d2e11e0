/* What holds of the kernels whatever the numbers are: order, padding, what is no number, modes of the processor, memory. */
#include "allocations.h"
#include "lstm_case.h"

#include <cfloat>

namespace {

TEST("rows in another order are the same rows, bit for bit") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const Sizes &sizes : {Sizes{1, 16, 13, 9}, Sizes{9, 33, 8, 15}, Sizes{12, 20, 40, 7}})
      for (const bool varied : {false, true}) {
        Case<Real> given(kernels, sizes, varied, false, 1);
        const Forward<Real> found(given, false);
        const int64_t rows = sizes.batch, step = sizes.time * sizes.input;
        Case<Real> turned(kernels, sizes, varied, false, 1);
        for (int64_t row = 0; row < rows; ++row) {
          const int64_t other = (row + 3) % rows;
          std::copy_n(&given.x[static_cast<size_t>(other * step)], step, &turned.x[static_cast<size_t>(row * step)]);
          std::copy_n(&given.h[static_cast<size_t>(other * sizes.hidden)], sizes.hidden,
                      &turned.h[static_cast<size_t>(row * sizes.hidden)]);
          std::copy_n(&given.c[static_cast<size_t>(other * sizes.hidden)], sizes.hidden,
                      &turned.c[static_cast<size_t>(row * sizes.hidden)]);
          if (varied) turned.lengths[static_cast<size_t>(row)] = given.lengths[static_cast<size_t>(other)];
        }
        const Forward<Real> again(turned, false);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t t = 0; t < sizes.time; ++t)
            for (int64_t unit = 0; unit < sizes.hidden; ++unit)
              CHECK(again.shown(row, t, unit) == found.shown((row + 3) % rows, t, unit), kernels.name, " ", sizes, " row ",
                    row);
      }
  });
}

TEST("rows are the same bits whatever padding follows them") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const Sizes &sizes : {Sizes{1, 16, 13, 9}, Sizes{9, 33, 8, 15}, Sizes{12, 20, 40, 7}})
      for (const bool reverse : {false, true})
        for (const bool keep : {false, true}) {
          const Case<Real> given(kernels, sizes, true, reverse, 1);
          const Forward<Real> found(given, keep), padded(given, keep, sizes.time + 6); /* the padding is NaN */
          CHECK(found.h.same_bits(padded.h) && found.c.same_bits(padded.c), kernels.name, " ", sizes,
                ": the state differs");
          for (int64_t row = 0; row < sizes.batch; ++row)
            for (int64_t t = 0; t < sizes.time + 6; ++t)
              for (int64_t unit = 0; unit < sizes.hidden; ++unit)
                CHECK(padded.shown(row, t, unit) == (t < sizes.time ? found.shown(row, t, unit) : 0), kernels.name, " ",
                      sizes);
        }
  });
}

TEST("what is no number goes through to h, and to no other row") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const Sizes &sizes : {Sizes{1, 16, 13, 9}, Sizes{9, 33, 8, 15}, Sizes{12, 20, 1, 7}})
      for (const Real bad : {Real(NAN), Real(-NAN)}) {
        Case<Real> given(kernels, sizes, false, false, 1);
        const Forward<Real> sound(given, false);
        const int64_t which = sizes.batch / 2, when = 4;
        given.x[static_cast<size_t>((which * sizes.time + when) * sizes.input)] = bad;
        const Forward<Real> found(given, false);
        for (int64_t row = 0; row < sizes.batch; ++row)
          for (int64_t t = 0; t < sizes.time; ++t)
            for (int64_t unit = 0; unit < sizes.hidden; ++unit) {
              const Real shown = found.shown(row, t, unit);
              if (row == which && t >= when)
                CHECK(std::isnan(shown), kernels.name, " ", sizes, ": h is ", shown);
              else
                CHECK(shown == sound.shown(row, t, unit), kernels.name, " ", sizes, " row ", row);
            }
      }
  });
}

TEST("infinite inputs close and open gates, and no more") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    Case<Real> given(kernels, {1, 19, 3, 6}, false, false, 1);
    given.x[0] = Real(INFINITY);
    given.x[7] = -Real(INFINITY);
    for (const bool keep : {false, true}) {
      const Forward<Real> found(given, keep);
      for (const Real each : found.h.copy()) CHECK(std::fabs(each) <= 1, kernels.name, ": h is ", each);
    }
  });
}

TEST("h after 1,000 steps is within 1e-5 of double precision") {
  each_float_table([](const ensue_kernels &kernels) {
    for (const Sizes &sizes : {Sizes{1, 32, 2, 1000}, Sizes{8, 64, 7, 1000}, Sizes{12, 40, 1, 1000}}) {
      if (check::quick() && sizes.hidden > 32) continue;
      Case<float> given(kernels, sizes, false, false, 1);
      for (float &each : given.weight_ih) each /= 1.5f; /* as torch.nn.LSTM begins */
      for (float &each : given.weight_hh) each /= 1.5f;
      given.pack();
      const Answer answer = solve(given.problem(), false);
      const Forward<float> found(given, false);
      const Numbers<float> h(std::vector<float>(given.h.begin(), given.h.begin() + sizes.hidden));
      const Numbers<float> c(std::vector<float>(given.c.begin(), given.c.begin() + sizes.hidden));
      const Guarded scratch(kernels.lstm_step_bytes(sizes.input, sizes.hidden));
      for (int64_t t = 0; t < sizes.time; ++t)
        kernels.lstm_step(given.packed.start(), ENSUE_FULL, sizes.input, sizes.hidden,
                          &given.x[static_cast<size_t>(t * sizes.input)], h.data(), c.data(), scratch.start());
      double far = 0;
      for (size_t each = 0; each < answer.h.size(); ++each)
        far = std::max(far, std::fabs(static_cast<double>(found.h[each]) - answer.h[each]));
      for (size_t each = 0; each < h.size(); ++each)
        far = std::max(far, std::fabs(static_cast<double>(h[each]) - answer.h[each]));
      CHECK(far <= 1e-5, kernels.name, " ", sizes, ": ", far, " off");
    }
  });
}

/* A layer whose forget gate stands open and whose input gate is shut. */
template <typename Real>
Case<Real> closed_layer(const ensue_kernels &kernels, int64_t hidden, Real most) {
  Case<Real> given(kernels, {1, hidden, 1, 1}, false, false, 1);
  for (int64_t unit = 0; unit < hidden; ++unit) {
    for (int64_t gate = 0; gate < 2; ++gate) {
      std::fill_n(&given.weight_hh[static_cast<size_t>((gate * hidden + unit) * hidden)], hidden, Real(0));
      given.weight_ih[static_cast<size_t>(gate * hidden + unit)] = 0;
      given.bias[static_cast<size_t>(gate * hidden + unit)] = gate == 0 ? -most : most;
    }
    given.c[static_cast<size_t>(unit)] =
        static_cast<Real>(std::ldexp(1.0 + 0.001 * static_cast<double>(unit), -2 * static_cast<int>(unit)));
  }
  given.pack();
  return given;
}

TEST("an open forget gate and a shut input gate keep c for a million steps, bit for bit") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const int64_t steps = check::quick() ? 2000 : 1000000;
    for (const Real most : {Real(100), Real(INFINITY)}) {
      const Case<Real> given = closed_layer<Real>(kernels, 17, most);
      const Guarded scratch(kernels.lstm_step_bytes(1, 17));
      const Numbers<Real> h(given.h), c(given.c);
      const std::vector<Real> before = c.copy();
      const Real x[3] = {Real(0.25), Real(-1), Real(2)};
      for (int64_t t = 0; t < steps; ++t)
        kernels.lstm_step(given.packed.start(), ENSUE_FULL, 1, 17, &x[t % 3], h.data(), c.data(), scratch.start());
      for (size_t each = 0; each < c.size(); ++each)
        CHECK(c[each] == before[each], kernels.name, ": c was ", before[each], " and became ", c[each]);
    }
  });
}

/* Some machines do not, such as the one that valgrind plays. */
bool can_flush() {
#if defined(__x86_64__)
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  volatile float small = FLT_MIN;
  small = small / 2;
  _mm_setcsr(before);
  return small == 0;
#else
  return true;
#endif
}

TEST("a state that fades out becomes zero, and the processor's mode stays the caller's") {
  each_float_table([](const ensue_kernels &kernels) {
    Case<float> given(kernels, {1, 16, 1, 200}, false, false, 1);
    std::fill(given.weight_hh.begin(), given.weight_hh.end(), 0.0f);
    std::fill(given.weight_ih.begin(), given.weight_ih.end(), 0.0f);
    std::fill(given.bias.begin(), given.bias.end(), 0.0f); /* every step halves c */
    given.pack();
    const unsigned before = processor_mode();
    for (const bool keep : {false, true}) {
      const Forward<float> found(given, keep);
      for (int64_t t = 0; t < 200; ++t) {
        const float shown = found.shown(0, t, 3);
        CHECK(!can_flush() || shown == 0 || std::fabs(shown) >= FLT_MIN, kernels.name, ": ", shown, " is not normal");
      }
      CHECK(found.shown(0, 20, 3) != 0, kernels.name, ": faded too early");
      for (const float each : found.c.copy()) CHECK(!can_flush() || each == 0, kernels.name, ": c is ", each);
    }
    CHECK(processor_mode() == before, kernels.name, ": the mode was ", before, " and is ", processor_mode());
    volatile float small = FLT_MIN;
    CHECK(small / 2 != 0, kernels.name, ": small numbers still become zero");
  });
}

TEST("neither a step nor a batch on one thread allocates") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const bool varied : {false, true}) {
      const Case<Real> given(kernels, {9, 33, 40, 20}, varied, false, 1);
      const Forward<Real> forward(given, true);
      const Guarded scratch(kernels.lstm_step_bytes(9, 33));
      const ensue_lstm_call call = forward.call;
      const long before = allocations();
      const int status = kernels.lstm_forward(&call);
      kernels.lstm_step(given.packed.start(), ENSUE_FULL, 9, 33, given.x.data(), forward.h.data(), forward.c.data(),
                        scratch.start());
      const long after = allocations();
      CHECK(status == ENSUE_OK, status);
      CHECK(after == before, kernels.name, " lengths ", varied, ": ", after - before, " allocations");
    }
  });
}

}  // namespace
