/* An LSTM layer forward, against the same in double precision. */
#include "lstm_case.h"
#include "stored.h"

namespace {

struct Kind {
  Sizes sizes;
  bool varied, reverse;
  int threads;
};

/* Small ones, in which everything that can be one is one; then widths beside those of a vector; then some large enough for
 * five threads, for a chunk of steps ahead of the recurrence, and for many rows. */
std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const int64_t hidden : {1, 3, 4, 5, 8, 15, 16, 17, 33})
    for (const int64_t input : {1, 2, 9})
      for (const int64_t batch : {1, 2, 3, 7})
        for (const int64_t time : {1, 2, 11}) {
          const bool varied = (hidden + batch) % 2 == 0, reverse = (input + time) % 2 == 0;
          all.push_back({{input, hidden, batch, time}, varied, reverse, 1});
        }
  const Kind large[] = {
      {{1, 64, 1, 40}, false, false, 1},    {{64, 64, 1, 40}, false, true, 1}, {{9, 40, 37, 60}, true, false, 5},
      {{9, 40, 37, 60}, true, true, 4},     {{1, 48, 20, 70}, false, true, 3}, {{70, 64, 5, 33}, true, false, 2},
      {{40, 130, 9, 12}, false, false, 2},  {{300, 20, 4, 30}, true, true, 1}, {{3, 17, 200, 9}, true, false, 5},
      {{130, 200, 24, 6}, false, false, 1},
  };
  all.insert(all.end(), std::begin(large), std::end(large));
  if (!check::quick()) return all;
  std::vector<Kind> some = {
      {{9, 40, 13, 60}, true, false, 3}, {{64, 64, 1, 12}, false, true, 1}, {{40, 33, 5, 9}, true, true, 1}};
  for (size_t each = 0; each < all.size() - std::size(large); each += 11) some.push_back(all[each]);
  return some;
}

template <typename Real>
void against_reference(const Case<Real> &given, const Problem &problem, double tolerance) {
  const Answer answer = solve(problem, false);
  for (const bool keep : {false, true}) {
    const Forward<Real> found(given, keep);
    CHECK(found.status == ENSUE_OK, "lstm_forward says ", found.status);
    std::vector<Real> y;
    for (int64_t row = 0; row < given.sizes.batch; ++row)
      for (int64_t t = 0; t < given.sizes.time; ++t)
        for (int64_t unit = 0; unit < given.sizes.hidden; ++unit) y.push_back(found.shown(row, t, unit));
    for (int64_t row = 0; row < given.sizes.batch; ++row) {
      const int64_t after = problem.lengths[static_cast<size_t>(row)];
      for (int64_t t = after; t < given.sizes.time; ++t)
        for (int64_t unit = 0; unit < given.sizes.hidden; ++unit)
          CHECK(found.shown(row, t, unit) == 0, given.kernels.name, ": y beyond a length is ", found.shown(row, t, unit));
    }
    const double far = std::max({furthest(y, answer.y), furthest(found.h, answer.h), furthest(found.c, answer.c)});
    CHECK(far <= tolerance, given.kernels.name, " ", given.sizes, " lengths ", !given.lengths.empty(), " reverse ",
          given.call.reverse, " threads ", given.call.threads, " storage ", given.storage, " keep ", keep, ": ", far,
          " off");
    for (int64_t row = 0; row < given.sizes.batch * given.sizes.time; ++row)
      for (int64_t each = 0; each < Forward<Real>::gap; ++each)
        CHECK(std::isnan(found.shown(0, row, given.sizes.hidden + each)), given.kernels.name,
              ": between rows of y was written");
  }
}

TEST("a batch of sequences is what double precision says, whatever its sizes") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const Kind &kind : kinds()) {
      const Case<Real> given(kernels, kind.sizes, kind.varied, kind.reverse, kind.threads);
      against_reference(given, given.problem(), sizeof(Real) == 4 ? 4e-6 : 1e-13);
    }
  });
}

/* The problem that weights stored in fewer bits pose; the two matrices share a scale for each row. */
Problem reduced(const Case<float> &given) {
  Problem problem = given.problem();
  const int64_t in = given.sizes.input, hidden = given.sizes.hidden;
  for (int64_t row = 0; row < 4 * hidden; ++row) {
    const float *h = &given.weight_hh[static_cast<size_t>(row * hidden)],
                *x = &given.weight_ih[static_cast<size_t>(row * in)];
    const float largest = std::fmax(largest_of(h, hidden), largest_of(x, in));
    for (int64_t k = 0; k < hidden; ++k)
      problem.weight_hh[static_cast<size_t>(row * hidden + k)] = stored(h[k], largest, given.storage);
    for (int64_t k = 0; k < in; ++k)
      problem.weight_ih[static_cast<size_t>(row * in + k)] = stored(x[k], largest, given.storage);
  }
  return problem;
}

TEST("weights in fewer bits are rounded as said, and nothing else is") {
  each_float_table([](const ensue_kernels &kernels) {
    for (const int storage : {ENSUE_BF16, ENSUE_INT8})
      for (const Kind &kind : kinds()) {
        if (kind.sizes.time == 1 || kind.sizes.input == 2) continue;
        const Case<float> given(kernels, kind.sizes, kind.varied, kind.reverse, kind.threads, storage);
        against_reference(given, reduced(given), 4e-6);
      }
  });
}

TEST("in bf16 hidden states stay within 0.01, in int8 within 0.02 of those in float32") {
  each_float_table([](const ensue_kernels &kernels) {
    for (const int storage : {ENSUE_BF16, ENSUE_INT8})
      for (const Sizes &sizes : {Sizes{1, 32, 4, 50}, Sizes{12, 48, 6, 50}, Sizes{40, 64, 3, 50}}) {
        const Case<float> given(kernels, sizes, false, false, 1, storage);
        const Answer exact = solve(given.problem(), false);
        const Forward<float> found(given, false);
        const double far = furthest(found.h, exact.h, 1.0);
        CHECK(far <= (storage == ENSUE_BF16 ? 0.01 : 0.02), kernels.name, " ", sizes, " storage ", storage, ": ", far);
        CHECK(far > 1e-5, kernels.name, " ", sizes, " storage ", storage, ": nothing was rounded");
      }
  });
}

TEST("a step after the other is the sequence") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const int storage : {ENSUE_FULL, ENSUE_BF16, ENSUE_INT8})
      for (const Kind &kind : kinds()) {
        if (sizeof(Real) == 8 && storage != ENSUE_FULL) continue;
        if (kind.sizes.batch > 3 || kind.sizes.time == 1) continue;
        const Sizes sizes = {kind.sizes.input, kind.sizes.hidden, 1, kind.sizes.time};
        const Case<Real> given(kernels, sizes, false, false, 1, storage);
        const Forward<Real> whole(given, false);
        const Numbers<Real> h(given.h), c(given.c), x(given.x);
        const Guarded scratch(kernels.lstm_step_bytes(sizes.input, sizes.hidden));
        double far = 0;
        for (int64_t t = 0; t < sizes.time; ++t) {
          kernels.lstm_step(given.packed.start(), storage, sizes.input, sizes.hidden, x.data() + t * sizes.input, h.data(),
                            c.data(), scratch.start());
          for (int64_t unit = 0; unit < sizes.hidden; ++unit)
            far = std::max(far, static_cast<double>(std::fabs(h[static_cast<size_t>(unit)] - whole.shown(0, t, unit))));
        }
        far = std::max(far, furthest(c, widened(whole.c.copy()), 1.0));
        CHECK(far <= (sizeof(Real) == 4 ? 2e-6 : 1e-14), kernels.name, " ", sizes, " storage ", storage, ": ", far);
        h.check("h");
        c.check("c");
        scratch.check("scratch");
      }
  });
}

}  // namespace
