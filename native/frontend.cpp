#include "frontend.h"

#include <algorithm>
#include <cmath>

namespace ensue {
namespace {

constexpr double kPhaseMemory = 2.5;      // cycles the mean of one phase looks back over
constexpr double kLongPhaseMemory = 8.0;  // and where trends are told, which make good what a long mean lags behind
constexpr double kFastHalfLife = 4.0;
constexpr double kLeastSpread = 1e-20;
constexpr double kDamping = 0.8;  // of the recent trend, a step
constexpr double kLongestTrend = 512;  // steps that a trend is followed for
constexpr int64_t kSeries = 16, kSeason = 5, kTrends = 4, kFeatures = 8, kAnchors = 3, kTrendFeatures = 3, kTrendAnchors = 2;

static_assert(sizeof(SeriesMemory) == kSeries * sizeof(double) && sizeof(SeasonMemory) == kSeason * sizeof(double));
static_assert(sizeof(TrendMemory) == kTrends * sizeof(double) && sizeof(SeasonTrend) == 4 * sizeof(double));
static_assert(sizeof(Phase) == 3 * sizeof(double));

// The blocks are the caller's doubles; these structures hold nothing else.
SeriesMemory &series(double *memory) { return *reinterpret_cast<SeriesMemory *>(memory); }
const SeriesMemory &series(const double *memory) { return *reinterpret_cast<const SeriesMemory *>(memory); }
SeasonMemory *of_seasons(double *memory) { return reinterpret_cast<SeasonMemory *>(memory + kSeries); }
const SeasonMemory *of_seasons(const double *memory) { return reinterpret_cast<const SeasonMemory *>(memory + kSeries); }

// Half the price of std::asinh: one logarithm, and what it cannot lose is not guarded.
double arcsinh(double x) {
  const double size = std::fabs(x), square = x * x;
  // Beyond 1e150 the square overflows; there arcsinh is log 2x to the last bit.
  const double value = size < 1e150 ? std::log1p(size + square / (1 + std::sqrt(1 + square))) : std::log(size) + M_LN2;
  return std::copysign(value, x);
}

double between(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

double log_ratio(double ratio) { return std::log(between(ratio, 1e-3, 1e3)); }

double center_of(const SeriesMemory &m) { return m.level.weight > 0 ? m.level.mean() : m.last; }

double fast_of(const SeriesMemory &m) { return m.fast.weight > 0 ? m.fast.mean() : m.last; }

// Of the last value seen, at the step to come.
double age_of(const SeriesMemory &m) { return m.count > 0 ? m.age + 1 : 0; }

// A series that has long been constant, or always was, still needs a unit to be measured in.
double spread_of(const SeriesMemory &m, double center) {
  const double usual = std::max(m.spread.mean(), 0.01 * m.deviation.mean());
  return std::max(usual, 1e-9 * std::fabs(center) + kLeastSpread);
}

}  // namespace

FrontEnd::FrontEnd(std::vector<int64_t> seasons, double half_life, std::optional<int64_t> slots)
    : seasons_(std::move(seasons)),
      tells_trends_(slots.has_value()),
      slots_(slots.value_or(season_count())),
      trends_at_(kSeries + kSeason * season_count()),
      slow_(std::pow(0.5, 1 / half_life)),
      quick_(std::pow(0.5, 1 / kFastHalfLife)),
      told_half_life_(std::log(std::log(0.5) / std::log(slow_)) / 5) {
  for (const int64_t season : seasons_) {
    phase_size_ += 3 * season;
    told_lengths_.push_back(std::log(static_cast<double>(season)) / 5);
  }
}

Unit FrontEnd::see(const double *memory, const double *phases, double *features, double *anchors) const noexcept {
  const SeriesMemory &m = series(memory);
  const double center = center_of(m), spread = spread_of(m, center), fast = fast_of(m);
  const auto unit = [=](double value) { return (value - center) / spread; };
  const double age = age_of(m);

  if (tells_trends_) {
    std::fill(features + kFeatures + 6 * season_count(), features + feature_count(), 0.0);
    std::fill(anchors + kAnchors + 3 * season_count(), anchors + anchor_count(), 0.0);
    see_trends(memory, phases, {center, spread}, features + kFeatures + 6 * slots_, anchors + kAnchors + 3 * slots_);
  }
  features[0] = m.previous_seen > 0 ? arcsinh(unit(m.previous)) : 0;
  features[1] = m.previous_seen;
  features[2] = arcsinh(unit(m.last));
  features[3] = std::log1p(std::min(age, 2000.0)) / 4;
  features[4] = arcsinh(unit(fast));
  features[5] = log_ratio(m.jump.mean() / spread);
  features[6] = std::log(between(std::fabs(center) / spread, 1e-2, 1e4)) / 3;
  features[7] = std::log1p(m.count) / 5;
  anchors[0] = unit(m.last);
  anchors[1] = unit(fast);
  anchors[2] = 0;

  const auto steps = static_cast<int64_t>(m.steps);
  const Phase *phase_of = reinterpret_cast<const Phase *>(phases);
  const SeasonMemory *season = of_seasons(memory);
  for (const int64_t length : seasons_) {
    const Phase &phase = phase_of[steps % length];
    const bool known = phase.count > 0;
    const double same = known ? phase.last : fast, mean = known ? phase.mean : fast;
    const double drift = season->surprise.mean();
    const double error = season->error.weight > 0 ? season->error.mean() : spread;
    double *of_season = features + kFeatures;
    of_season[0] = arcsinh(unit(same));
    of_season[1] = known;
    of_season[2] = arcsinh(unit(mean));
    of_season[3] = arcsinh(season->latest_surprise / spread);
    of_season[4] = log_ratio(error / spread);
    of_season[5] = arcsinh(drift / spread);
    anchors += 3;
    anchors[0] = unit(same);
    anchors[1] = unit(mean);
    anchors[2] = unit(same + drift);
    features += 6;
    phase_of += length;
    ++season;
  }
  return {center, spread};
}

/* Fills `features` and `anchors` of trends and of the seasons that there are. */
void FrontEnd::see_trends(const double *memory, const double *phases, const Unit &unit, double *features,
                          double *anchors) const noexcept {
  const SeriesMemory &m = series(memory);
  const TrendMemory &trends = *reinterpret_cast<const TrendMemory *>(memory + trends_at_);
  const auto *of_season = reinterpret_cast<const SeasonTrend *>(memory + trends_at_ + kTrends);
  const auto normalised = [&](double value) { return (value - unit.center) / unit.spread; };
  const double trend = trends.slow.mean(), recent = trends.quick.mean(), age = age_of(m), fast = fast_of(m);
  const double ahead = std::min(age, kLongestTrend);

  features[0] = arcsinh(10 * trend / unit.spread);
  features[1] = arcsinh(10 * recent / unit.spread);
  features[2] = told_half_life_;
  anchors[0] = normalised(m.last + trend * ahead);
  anchors[1] = normalised(m.last + recent * (kDamping * (1 - std::pow(kDamping, age)) / (1 - kDamping)));
  features += kTrendFeatures;
  anchors += kTrendAnchors;

  const auto steps = static_cast<int64_t>(m.steps);
  const Phase *phase_of = reinterpret_cast<const Phase *>(phases);
  for (size_t i = 0; i < seasons_.size(); ++i, ++of_season, features += 4, anchors += 2) {
    const Phase &phase = phase_of[steps % seasons_[i]];
    const double shift = of_season->shift.mean(), moved = (phase.count > 0 ? phase.mean : fast) + shift;
    const double miss = of_season->miss.weight > 0 ? of_season->miss.mean() : unit.spread;
    features[0] = arcsinh(shift / unit.spread);
    features[1] = log_ratio(miss / unit.spread);
    features[2] = told_lengths_[i];
    features[3] = 1;
    anchors[0] = normalised(moved);
    anchors[1] = normalised(moved + trend * ahead);
    phase_of += seasons_[i];
  }
}

void FrontEnd::remember(double value, double *memory, double *phases) const noexcept {
  SeriesMemory &m = series(memory);
  const double away = std::fabs(value - center_of(m)), jump = std::fabs(value - m.last);
  const bool first = m.count == 0;
  const auto steps = static_cast<int64_t>(m.steps);
  if (tells_trends_) remember_trends(value, memory, phases);
  fade(memory);
  m.level.add(value);
  m.fast.add(value);
  if (!first) {
    m.spread.add(away);
    m.deviation.add(away);
    m.jump.add(jump);
  }
  m.last = m.previous = value;
  m.previous_seen = 1;
  m.age = 0;
  m.count += 1;

  const double cycles = tells_trends_ ? kLongPhaseMemory : kPhaseMemory;
  Phase *phase_of = reinterpret_cast<Phase *>(phases);
  SeasonMemory *season = of_seasons(memory);
  for (const int64_t length : seasons_) {
    Phase &phase = phase_of[steps % length];
    if (phase.count > 0) {
      const double gap = value - phase.last;
      season->surprise.add(gap);
      season->error.add(std::fabs(gap));
      season->latest_surprise = gap;
    }
    phase.count += 1;
    phase.mean += 1 / between(phase.count, 1, cycles) * (value - phase.mean);
    phase.last = value;
    phase_of += length;
    ++season;
  }
}

/* What a value changes of the trends: they look at series and phases as they were before it. */
void FrontEnd::remember_trends(double value, double *memory, const double *phases) const noexcept {
  const SeriesMemory &m = series(memory);
  auto &trends = *reinterpret_cast<TrendMemory *>(memory + trends_at_);
  auto *of_season = reinterpret_cast<SeasonTrend *>(memory + trends_at_ + kTrends);
  trends.slow.fade(slow_);
  trends.quick.fade(quick_);
  if (m.count > 0) {
    const double rate = (value - m.last) / age_of(m);
    trends.slow.add(rate);
    trends.quick.add(rate);
  }
  const auto steps = static_cast<int64_t>(m.steps);
  const Phase *phase_of = reinterpret_cast<const Phase *>(phases);
  for (const int64_t length : seasons_) {
    const Phase &phase = phase_of[steps % length];
    const double shift = of_season->shift.mean(), gap = value - phase.mean;
    of_season->shift.fade(quick_);
    of_season->miss.fade(slow_);
    if (phase.count > 0) {
      of_season->shift.add(gap);
      of_season->miss.add(std::fabs(gap - shift));
    }
    phase_of += length;
    ++of_season;
  }
}

void FrontEnd::wait(double *memory) const noexcept {
  fade(memory);
  if (tells_trends_) fade_trends(memory);
}

void FrontEnd::fade_trends(double *memory) const noexcept {
  auto &trends = *reinterpret_cast<TrendMemory *>(memory + trends_at_);
  auto *of_season = reinterpret_cast<SeasonTrend *>(memory + trends_at_ + kTrends);
  trends.slow.fade(slow_);
  trends.quick.fade(quick_);
  for (int64_t i = 0; i < season_count(); ++i, ++of_season) {
    of_season->shift.fade(quick_);
    of_season->miss.fade(slow_);
  }
}

/* A step on, for all but the trends. */
void FrontEnd::fade(double *memory) const noexcept {
  SeriesMemory &m = series(memory);
  m.steps += 1;
  m.level.fade(slow_);
  m.spread.fade(slow_);
  m.fast.fade(quick_);
  m.jump.fade(slow_);
  m.previous = m.previous_seen = 0;
  m.age = age_of(m);
  SeasonMemory *season = of_seasons(memory);
  for (int64_t i = 0; i < season_count(); ++i, ++season) {
    season->surprise.fade(quick_);
    season->error.fade(slow_);
    season->latest_surprise = 0;
  }
}

int64_t FrontEnd::kept_size(int64_t time) const noexcept {
  int64_t phases = 0;
  for (const int64_t length : seasons_) phases += std::min(time, length);
  return 3 * phases;
}

void FrontEnd::keep(const double *memory, double *phases, int64_t time, double *kept, bool back) const noexcept {
  const auto steps = static_cast<int64_t>(series(memory).steps);
  Phase *phase_of = reinterpret_cast<Phase *>(phases), *place = reinterpret_cast<Phase *>(kept);
  for (const int64_t length : seasons_) {
    for (int64_t step = 0; step < std::min(time, length); ++step, ++place) {
      Phase &phase = phase_of[(steps % length + step) % length];
      back ? phase = *place : *place = phase;
    }
    phase_of += length;
  }
}

}  // namespace ensue
