#include "frontend.h"

#include <algorithm>
#include <cmath>

namespace ensue {
namespace {

constexpr double kPhaseMemory = 2.5;  // cycles the mean of one phase looks back over
constexpr double kFastHalfLife = 4.0;
constexpr double kLeastSpread = 1e-20;

static_assert(sizeof(SeriesMemory) == 16 * sizeof(double) && sizeof(SeasonMemory) == 5 * sizeof(double));
static_assert(sizeof(Phase) == 3 * sizeof(double));

// The blocks are the caller's doubles; these structures hold nothing else.
SeriesMemory &series(double *memory) { return *reinterpret_cast<SeriesMemory *>(memory); }
const SeriesMemory &series(const double *memory) { return *reinterpret_cast<const SeriesMemory *>(memory); }
SeasonMemory *of_seasons(double *memory) { return reinterpret_cast<SeasonMemory *>(memory + 16); }
const SeasonMemory *of_seasons(const double *memory) { return reinterpret_cast<const SeasonMemory *>(memory + 16); }

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

// A series that has long been constant, or always was, still needs a unit to be measured in.
double spread_of(const SeriesMemory &m, double center) {
  const double usual = std::max(m.spread.mean(), 0.01 * m.deviation.mean());
  return std::max(usual, 1e-9 * std::fabs(center) + kLeastSpread);
}

}  // namespace

FrontEnd::FrontEnd(std::vector<int64_t> seasons, double half_life)
    : seasons_(std::move(seasons)), slow_(std::pow(0.5, 1 / half_life)), quick_(std::pow(0.5, 1 / kFastHalfLife)) {
  for (const int64_t season : seasons_) phase_size_ += 3 * season;
}

Unit FrontEnd::see(const double *memory, const double *phases, double *features, double *anchors) const noexcept {
  const SeriesMemory &m = series(memory);
  const double center = center_of(m), spread = spread_of(m, center), fast = fast_of(m);
  const auto unit = [=](double value) { return (value - center) / spread; };
  const double age = m.count > 0 ? m.age + 1 : 0;

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
    double *of_season = features + 8;
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

void FrontEnd::remember(double value, double *memory, double *phases) const noexcept {
  SeriesMemory &m = series(memory);
  const double away = std::fabs(value - center_of(m)), jump = std::fabs(value - m.last);
  const bool first = m.count == 0;
  const auto steps = static_cast<int64_t>(m.steps);
  wait(memory);
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
    phase.mean += 1 / between(phase.count, 1, kPhaseMemory) * (value - phase.mean);
    phase.last = value;
    phase_of += length;
    ++season;
  }
}

void FrontEnd::wait(double *memory) const noexcept {
  SeriesMemory &m = series(memory);
  m.steps += 1;
  m.level.fade(slow_);
  m.spread.fade(slow_);
  m.fast.fade(quick_);
  m.jump.fade(slow_);
  m.previous = m.previous_seen = 0;
  m.age = m.count > 0 ? m.age + 1 : 0;
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
