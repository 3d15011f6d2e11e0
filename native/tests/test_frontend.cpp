/* The front end by itself: what trends are, worked out by hand, and what slots change of the sizes. */
#include "check.h"
#include "frontend.h"

#include <cmath>
#include <optional>
#include <vector>

using namespace ensue;

namespace {

bool near(double found, double expected) { return std::fabs(found - expected) <= 1e-12 * std::fabs(expected) + 1e-12; }

/* A front end, what it remembers and what it says. */
struct Series {
  explicit Series(std::vector<int64_t> seasons, std::optional<int64_t> slots = {})
      : front(std::move(seasons), 1.0, slots),
        memory(static_cast<size_t>(front.memory_size())),
        phases(static_cast<size_t>(front.phase_size())),
        features(static_cast<size_t>(front.feature_count())),
        anchors(static_cast<size_t>(front.anchor_count())) {}

  void read(double value) {
    if (std::isnan(value))
      front.wait(memory.data());
    else
      front.remember(value, memory.data(), phases.data());
  }
  void see() { unit = front.see(memory.data(), phases.data(), features.data(), anchors.data()); }
  double anchor(size_t i) const { return anchors[i] * unit.spread + unit.center; }

  FrontEnd front;
  std::vector<double> memory, phases, features, anchors;
  Unit unit{};
};

const double kNone = std::nan("");

}  // namespace

TEST("trends, shift and miss are those worked out by hand") {
  Series series({2}, 2);
  CHECK(series.features.size() == 8 + 12 + 3 + 8 && series.anchors.size() == 3 + 6 + 2 + 4, "sizes");
  CHECK(series.memory.size() == 16 + 5 + 4 + 4, "memory ", series.memory.size());
  for (const double value : {1.0, 3.0, kNone, 7.0, 4.0}) series.read(value);
  // Changes a step: 2, then 4 in two steps, then -3; half of the past is left a step, and of the recent past this much:
  const double quick = std::pow(0.5, 0.25);
  const double trend = (2 * 0.125 + 2 * 0.5 - 3) / 1.625;
  const double recent = (2 * quick * quick * quick + 2 * quick - 3) / (quick * quick * quick + quick + 1);
  // 7 stood 4 above the 3 of its phase, with no shift known, and 4 stood 3 above the 1 of its, with a shift of 4.
  const double shift = (4 * quick + 3) / (quick + 1), miss = (4 * 0.5 + 1) / 1.5;
  for (int age = 1; age <= 3; ++age) {
    series.see();
    const double spread = series.unit.spread, mean = age == 2 ? 1 + 0.5 * 3 : 3 + 0.5 * 4;
    const double damped = age == 1 ? 0.8 : age == 2 ? 0.8 + 0.64 : 0.8 + 0.64 + 0.512;
    const double *told = series.features.data() + 20;
    CHECK(near(std::sinh(told[0]) * spread, 10 * trend), "trend ", std::sinh(told[0]) * spread);
    CHECK(near(std::sinh(told[1]) * spread, 10 * recent), "recent trend");
    CHECK(near(told[2], 0), "a half-life of one step is ", told[2]);
    CHECK(near(std::sinh(told[3]) * spread, shift), "shift");
    CHECK(near(std::exp(told[4]) * spread, miss), "miss");
    CHECK(near(told[5], std::log(2.0) / 5) && told[6] == 1, "length");
    CHECK(near(series.anchor(9), 4 + trend * age), "last value and trend");
    CHECK(near(series.anchor(10), 4 + recent * damped), "last value and damped recent trend, age ", age);
    CHECK(near(series.anchor(11), mean + shift), "mean of the phase and shift");
    CHECK(near(series.anchor(12), mean + shift + trend * age), "mean of the phase, shift and trend");
    for (size_t i : {14U, 15U, 16U, 17U, 18U, 19U, 27U, 28U, 29U, 30U}) CHECK(series.features[i] == 0, "empty ", i);
    for (size_t i : {6U, 7U, 8U, 13U, 14U}) CHECK(series.anchors[i] == 0, "empty anchor ", i);
    series.read(kNone);
  }
}

TEST("slots change nothing of what is said without them but the means of the phases, which look back longer") {
  Series with({3, 5}, 2), without({3, 5});
  CHECK(without.features.size() == 20 && without.anchors.size() == 9 && without.memory.size() == 26, "sizes");
  const auto of_mean = [](size_t i, size_t first, size_t each, size_t place) {
    return i >= first && (i - first) % each == place;
  };
  for (int t = 0; t < 200; ++t) {
    with.see(), without.see();
    for (size_t i = 0; i < without.features.size(); ++i)
      CHECK(of_mean(i, 8, 6, 2) || with.features[i] == without.features[i], t, " ", i);
    for (size_t i = 0; i < without.anchors.size(); ++i)
      CHECK(of_mean(i, 3, 3, 1) || with.anchors[i] == without.anchors[i], t, " ", i);
    const double value = t % 7 == 3 ? kNone : std::sin(t) + 0.1 * t;
    with.read(value), without.read(value);
  }
}

TEST("the mean of a phase looks back 8 cycles with slots and 2.5 without") {
  Series with({2}, 1), without({2});
  const auto both = [&](double value) { with.read(value), without.read(value); };
  for (int cycle = 0; cycle < 20; ++cycle) both(0), both(1);
  both(16);
  both(1);
  with.see(), without.see();
  CHECK(near(with.anchor(4), 16 / 8.0) && near(without.anchor(4), 16 / 2.5), with.anchor(4), " ", without.anchor(4));
}

TEST("closed eyes leave trends as they were, until nothing is left of them") {
  Series series({4}, 2);
  for (int t = 0; t < 40; ++t) series.read(10.0 * t);
  series.see();
  const double trend = series.features[20];
  for (int t = 0; t < 500; ++t) series.read(kNone);
  series.see();
  CHECK(near(series.features[20], trend), "after 500 steps");
  CHECK(near(series.anchor(9), 390 + 10 * 501.0), "the trend goes on: ", series.anchor(9));
  CHECK(near(series.anchor(10), 390 + 10 * 4.0), "the recent one does not: ", series.anchor(10));
  for (int t = 0; t < 5000; ++t) series.read(kNone);
  series.see();
  CHECK(series.features[20] == 0 && series.features[21] == 0, "after thousands");
  for (const double each : series.features) CHECK(std::isfinite(each), each);
  for (const double each : series.anchors) CHECK(std::isfinite(each), each);
}
