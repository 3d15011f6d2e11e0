/* A whole forecaster a step at a time: blocks, groups, threads and records say the same as one step after the other. */
#include "allocations.h"
#include "check.h"
#include "streams.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

using namespace ensue;

namespace {

constexpr int64_t kLevels = 5, kHidden = 8;
constexpr int64_t kHour = int64_t{3600} * 1000000;

/* A forecaster as ForecastingTask.network() describes it, with an hourly calendar, a past and a static covariate. */
class Small {
 public:
  explicit Small(std::optional<int64_t> slots = {}) {
    ForecasterPlan plan{FrontEnd({4, 24}, 24.0, slots), {}, true, true, 1, 1, 2, {}, std::vector<double>(kLevels, 1.1), 2, false};
    plan.calendar.cycles = {Cycle::HourOfDay, Cycle::DayOfWeek, Cycle::DayOfYear};
    plan.calendar.spacing.step = kHour;
    plan.calendar.needs_tables = true;
    plan.covariates = {{Covariate::Source::Future, 0, false, 0.5, 2.0},
                       {Covariate::Source::Past, 0, false, 0.0, 1.0},
                       {Covariate::Source::Static, 1, true, 0.0, 1.0}};
    const int64_t inputs = plan.front_end.feature_count() + 6 + 2 + 2 + 1, anchors = plan.front_end.anchor_count();
    const int64_t outputs = anchors + 1 + kLevels - 1;
    const Program program = {
        {"linear", {inputs, kHidden, 1, 0}, {weight(inputs * kHidden), weight(kHidden)}},
        {"residual", {}, {}},
        {"lstm",
         {kHidden, kHidden, 1, 1, 0, 0},
         {weight(4 * kHidden * kHidden), weight(4 * kHidden * kHidden), weight(4 * kHidden), weight(4 * kHidden)}},
        {"end", {}, {}},
        {"quantile_head", {kHidden, kLevels, 2, anchors}, {weight(outputs * kHidden), weight(outputs)}},
    };
    std::string error;
    network_ = Network::build(program, ensue_find_kernels(nullptr), ENSUE_FULL, error);
    CHECK(network_ != nullptr, error);
    forecaster = Forecaster::build(std::move(plan), {network_.get(), network_.get()}, error);
    CHECK(forecaster != nullptr, error);
    forecaster->set_tables({0, INT64_MAX, {0, 500 * kHour}, {kHour, 2 * kHour}, {}});
  }

  std::unique_ptr<Forecaster> forecaster;

 private:
  Weight weight(int64_t count) {
    std::normal_distribution<float> normal(0.0F, 0.4F);
    std::vector<float> &made = weights_.emplace_back(static_cast<size_t>(count));
    for (float &each : made) each = normal(random_);
    return {made.data(), count};
  }

  std::mt19937 random_{1};
  std::vector<std::vector<float>> weights_;
  std::unique_ptr<Network> network_;
};

std::vector<double> values_of(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 1.0);
  std::vector<double> values(static_cast<size_t>(count));
  for (double &each : values) each = random() % 10 == 0 ? std::nan("") : 100 + normal(random);
  return values;
}

/* Reads values (count x time) from `begin` on; the first block brings the clock. */
std::vector<double> read(Streams &streams, const double *values, int64_t time, int threads, int64_t begin) {
  const int64_t count = streams.count();
  std::vector<double> quantiles(static_cast<size_t>(count * time * kLevels));
  std::vector<int64_t> stamps;
  for (int64_t t = 0; t < time; ++t) stamps.push_back((begin + t) * kHour);
  Block block = streams.block(nullptr, count);
  block.time = time, block.values = values, block.quantiles = quantiles.data();
  if (begin == 0) block.stamps = {stamps.data(), 0};
  int64_t low = 0, high = 0;
  const int status = streams.read(block, threads, low, high);
  CHECK(status == READ_OK, status);
  return quantiles;
}

std::vector<double> look_ahead(Streams &streams, int64_t time) {
  std::vector<double> quantiles(static_cast<size_t>(streams.count() * time * kLevels));
  Block block = streams.block(nullptr, streams.count());
  block.time = time, block.quantiles = quantiles.data();
  int64_t low, high;
  CHECK(streams.read(block, 1, low, high) == READ_OK, "looking ahead");
  return quantiles;
}

/* The same number, or both none: until three values were seen. */
bool same(double found, double expected) { return found == expected || (std::isnan(found) && std::isnan(expected)); }

void expect_same(const double *found, const double *expected, size_t count, const char *what) {
  for (size_t i = 0; i < count; ++i)
    CHECK(same(found[i], expected[i]) || std::fabs(found[i] - expected[i]) <= 1e-4, what, " ", i, ": ", found[i], " is not ", expected[i]);
}

/* A block is its steps, and looking ahead leaves a stream where it is. */
void expect_steps_to_be_their_block(std::optional<int64_t> slots) {
  const Small small(slots);
  Streams whole(*small.forecaster, 1, nullptr), steps(*small.forecaster, 1, nullptr);
  const std::vector<double> values = values_of(300, 2);
  const std::vector<double> expected = read(whole, values.data(), 300, 1, 0);
  read(steps, values.data(), 1, 1, 0);
  std::vector<double> said(kLevels);
  for (size_t t = 1; t < 300; ++t) {
    CHECK(steps.step(values[t], said.data()), "step ", t);
    expect_same(said.data(), &expected[t * kLevels], kLevels, "step");
    if (t % 50 == 0) look_ahead(steps, 30);
  }
  CHECK(!steps.step(INFINITY, said.data()), "infinity");
  expect_same(look_ahead(steps, 70).data(), look_ahead(whole, 70).data(), 70 * kLevels, "ahead");
  // What reading changes, kept and put back, is the stream as it was: with the trends, and all of them.
  const std::vector<double> before(steps.records(), steps.records() + small.forecaster->record_size());
  Block block = steps.block(nullptr, 1);
  block.time = 30;
  std::vector<double> kept(static_cast<size_t>(small.forecaster->kept_size(30)));
  small.forecaster->keep(block, kept.data(), false);
  for (size_t t = 0; t < 30; ++t) CHECK(steps.step(values[t], said.data()), "step ", t);
  CHECK(!std::equal(before.begin(), before.end(), steps.records(), same), "nothing was read");
  small.forecaster->keep(block, kept.data(), true);
  CHECK(std::equal(before.begin(), before.end(), steps.records(), same), "kept");
}

}  // namespace

TEST("a block is its steps, and looking ahead leaves a stream where it is") { expect_steps_to_be_their_block({}); }

TEST("so it is where seasons have slots, one of them empty") { expect_steps_to_be_their_block(3); }

TEST("a step allocates nothing, nor does looking as far ahead as before, and both leave the processor's mode alone") {
  const Small small;
  Streams stream(*small.forecaster, 1, nullptr);
  const std::vector<double> values = values_of(60, 6);
  read(stream, values.data(), 60, 1, 0);
  std::vector<double> said(24 * kLevels);
  look_ahead(stream, 24);
  Block block = stream.block(nullptr, 1);
  block.time = 24, block.quantiles = said.data();
  const long before = allocations();
  const unsigned mode = processor_mode();
  int64_t low, high;
  bool right = true;
  for (const double value : values) {
    right = right && stream.step(value, said.data());
    right = right && stream.read(block, 1, low, high) == READ_OK;
  }
  CHECK(right, "reading");
  CHECK(allocations() == before, allocations() - before, " allocations");
  CHECK(processor_mode() == mode, "mode ", processor_mode());
}

TEST("streams in groups and threads are streams alone") {
  const Small small;
  const int64_t count = check::quick() ? 70 : 150, time = 40;
  const std::vector<double> values = values_of(count * time, 3);
  Streams one(*small.forecaster, count, nullptr), several(*small.forecaster, count, nullptr);
  const std::vector<double> expected = read(one, values.data(), time, 1, 0);
  const std::vector<double> found = read(several, values.data(), time, 3, 0);
  for (size_t i = 0; i < expected.size(); ++i) CHECK(same(found[i], expected[i]), i);
  for (const int64_t i : {int64_t{0}, int64_t{63}, int64_t{64}, count - 1}) {
    Streams alone(*small.forecaster, 1, nullptr);
    const std::vector<double> said = read(alone, &values[static_cast<size_t>(i * time)], time, 1, 0);
    expect_same(&expected[static_cast<size_t>(i * time * kLevels)], said.data(), said.size(), "stream");
  }
}

TEST("streams in many threads say what one thread says") {
  const Small small;
  constexpr size_t count = 8, time = 60;
  const std::vector<double> values = values_of(count * time, 4);
  std::vector<std::vector<double>> expected(count), found(count);
  const auto run = [&](size_t i, std::vector<double> &said) {
    Streams stream(*small.forecaster, 1, nullptr);
    said = read(stream, &values[i * time], 1, 1, 0);
    said.resize(time * kLevels);
    for (size_t t = 1; t < time; ++t) stream.step(values[i * time + t], &said[t * kLevels]);
    const std::vector<double> ahead = look_ahead(stream, 9);
    said.insert(said.end(), ahead.begin(), ahead.end());
  };
  for (size_t i = 0; i < count; ++i) run(i, expected[i]);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back([&, i] { run(i, found[i]); });
  for (int64_t i = 0; i < 20; ++i) small.forecaster->set_tables({0, INT64_MAX, {0, 500 * kHour}, {kHour, 2 * kHour}, {}});
  for (std::thread &each : threads) each.join();
  for (size_t i = 0; i < count; ++i) CHECK(std::equal(found[i].begin(), found[i].end(), expected[i].begin(), expected[i].end(), same), "thread ", i);
}

TEST("threads that share a stream take turns") {
  const Small small;
  Streams stream(*small.forecaster, 1, nullptr);
  const double first = 100;
  read(stream, &first, 1, 1, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      std::vector<double> said(kLevels), record(static_cast<size_t>(small.forecaster->record_size()));
      for (int t = 0; t < 100; ++t) {
        CHECK(stream.step(100 + t, said.data()), "step");
        if (t % 25 == 0) stream.take(stream.block(nullptr, 1), record.data());
      }
    });
  for (std::thread &each : threads) each.join();
  CHECK(Forecaster::clock(stream.records()).steps == 401, Forecaster::clock(stream.records()).steps);
}

TEST("what is lacking is said before anything is read") {
  const Small small;
  Streams stream(*small.forecaster, 1, nullptr);
  const double value = 1;
  double said[kLevels];
  int64_t low = 0, high = 0, stamp = -kHour;
  CHECK(!stream.step(value, said), "no clock");
  Block block = stream.block(nullptr, 1);
  block.time = 1, block.values = &value, block.quantiles = said;
  CHECK(stream.read(block, 1, low, high) == READ_NO_CLOCK, "no clock");
  block.stamps = {&stamp, 0};
  CHECK(stream.read(block, 1, low, high) == READ_NO_TABLES && low == -kHour && high == -kHour, low, " ", high);
  CHECK(Forecaster::clock(stream.records()).steps == 0, "steps");
  std::vector<double> record(stream.records(), stream.records() + small.forecaster->record_size());
  record[3] = std::nan("");
  CHECK(!stream.put(block, record.data()), "steps that are no number");
  record[3] = 1e300;
  CHECK(!stream.put(block, record.data()), "steps beyond counting");
  record[3] = 7;
  CHECK(stream.put(block, record.data()), "a record");
}

TEST("any stamp has a calendar, and time goes on from it") {
  Calendar calendar;
  for (int i = 0; i <= static_cast<int>(Cycle::MonthOfYear); ++i) calendar.cycles.push_back(static_cast<Cycle>(i));
  calendar.holiday_columns = 3;
  std::mt19937_64 random(5);
  std::vector<int64_t> stamps = {INT64_MIN, INT64_MAX, 0, -1};
  for (int i = 0; i < 2000; ++i) stamps.push_back(static_cast<int64_t>(random()) >> (random() % 40));
  float features[17];
  for (const int64_t stamp : stamps) {
    calendar.features(stamp, {}, features);
    for (int i = 0; i < 14; i += 2)
      CHECK(std::fabs(std::hypot(features[i], features[i + 1]) - 1) < 1e-6, stamp, " ", i);
    for (const auto kind : {Spacing::Kind::Fixed, Spacing::Kind::BusinessDays, Spacing::Kind::Months})
      for (const int64_t step : {int64_t{1}, INT64_MAX}) {
        const Spacing spacing{kind, step, static_cast<int64_t>(random() % 32)};
        spacing.advance(stamp, static_cast<int64_t>(random() >> 1));
      }
  }
}
