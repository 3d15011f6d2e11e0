/* What a forecaster may know at each step, a step at a time: the equations of ensue.data.causal in double precision.
 *
 * Everything `see` says of a step comes from the steps before it. A value that is missing or still to come changes nothing
 * but ages, so closed eyes are `wait`. What is carried is a flat block of doubles, the caller's own: a `memory` that every
 * step changes, and the `phases` of the seasons, which only a seen value changes. A step costs the same however long the
 * seasons are, and who looks ahead copies the memory and may share the phases.
 */
#ifndef ENSUE_FRONTEND_H
#define ENSUE_FRONTEND_H

#include <cstdint>
#include <optional>
#include <vector>

namespace ensue {

/* What turns a normalised answer back into the data's own units: value = normalised * spread + center. */
struct Unit {
  double center, spread;
};

/* An exponentially weighted mean as two sums, so that a gap leaves their ratio alone. */
struct Smoothed {
  double total, weight;

  double mean() const { return weight > 0 ? total / weight : total; }
  /* So small a weight, after thousands of steps without a value, is none: below it there are no digits left to divide. */
  void fade(double decay) {
    total *= decay;
    weight *= decay;
    if (weight < 1e-300) total = weight = 0;
  }
  void add(double value) {
    total += value;
    weight += 1;
  }
};

/* The memory begins with this, */
struct SeriesMemory {
  double steps;
  Smoothed level, spread, fast, jump, deviation;
  double last, previous, previous_seen, age, count;
};

/* and goes on with one of these for each season. */
struct SeasonMemory {
  Smoothed surprise, error;
  double latest_surprise;
};

/* Where seasons have slots there follows, as ensue.data.trends has it, what a series gained a step */
struct TrendMemory {
  Smoothed slow, quick;
};

/* and for each season how far the series stands from the mean of its phase, and how well that mean, so moved, foretold it. */
struct SeasonTrend {
  Smoothed shift, miss;
};

/* One phase of one season; the phases of a season stand side by side, those of all seasons end to end. */
struct Phase {
  double last, mean, count;
};

class FrontEnd {
 public:
  /* Seasons in steps, each 2 or more; half_life: steps after which level and spread have forgotten half; slots: seasons
   * there is room for, no fewer than there are: features and anchors are as many whatever the seasons, and tell trends. */
  FrontEnd(std::vector<int64_t> seasons, double half_life, std::optional<int64_t> slots = {});

  int64_t feature_count() const { return 8 + 6 * slots_ + (tells_trends_ ? 3 + 4 * slots_ : 0); }
  int64_t anchor_count() const { return 3 + 3 * slots_ + (tells_trends_ ? 2 + 2 * slots_ : 0); }
  int64_t memory_size() const { return trends_at_ + (tells_trends_ ? 4 + 4 * season_count() : 0); } /* doubles */
  int64_t phase_size() const { return phase_size_; }                                                /* doubles */
  int64_t season_count() const { return static_cast<int64_t>(seasons_.size()); }

  /* What is known before the next step: `feature_count` features and `anchor_count` anchors. */
  Unit see(const double *memory, const double *phases, double *features, double *anchors) const noexcept;

  /* Go a step on: with a value, which is finite, or with closed eyes. */
  void remember(double value, double *memory, double *phases) const noexcept;
  void wait(double *memory) const noexcept;

  /* The phases that the next `time` steps may change, copied to `kept` of `kept_size` doubles, or back from there. */
  int64_t kept_size(int64_t time) const noexcept;
  void keep(const double *memory, double *phases, int64_t time, double *kept, bool back) const noexcept;

 private:
  void see_trends(const double *memory, const double *phases, const Unit &unit, double *features,
                  double *anchors) const noexcept;
  void remember_trends(double value, double *memory, const double *phases) const noexcept;
  void fade(double *memory) const noexcept;
  void fade_trends(double *memory) const noexcept;

  std::vector<int64_t> seasons_;
  bool tells_trends_;
  int64_t slots_, trends_at_; /* seasons there is room for; the word of the memory at which trends begin */
  int64_t phase_size_ = 0;
  double slow_, quick_;
  double told_half_life_;             /* as a feature */
  std::vector<double> told_lengths_; /* of the seasons, as features */
};

}  // namespace ensue

#endif
