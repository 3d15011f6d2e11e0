/* What the calendar says of a stamp: the cycles, the spacing and the holidays of ensue.data.calendar and data.frequency.
 *
 * Stamps are microseconds since 1970 as int64, or whole positions where a series has no stamps. What only Python knows, the
 * clock of a time zone and the holidays of a country, comes as sorted tables that cover a span of time.
 */
#ifndef ENSUE_CALENDAR_H
#define ENSUE_CALENDAR_H

#include <cstdint>
#include <vector>

namespace ensue {

/* In the order of data.calendar.CYCLES. */
enum class Cycle : int32_t {
  SecondOfMinute,
  MinuteOfHour,
  HourOfDay,
  DayOfWeek,
  DayOfMonth,
  DayOfYear,
  MonthOfYear,
};

/* How far apart the steps of a series are: data.frequency.Frequency. */
struct Spacing {
  enum class Kind : int32_t { Fixed, BusinessDays, Months };
  Kind kind = Kind::Fixed;
  int64_t step = 1; /* microseconds, positions or months; of business days their number */
  int64_t anchor = 0; /* day of the month, 31 for its end; 0: the one the stamp has */

  /* The stamp `steps` later; `steps` is 0 or more. */
  int64_t advance(int64_t stamp, int64_t steps) const noexcept;
};

/* What Python looked up, valid for stamps from `first` up to, not including, `after`. */
struct CalendarTables {
  int64_t first = 0, after = 0;
  std::vector<int64_t> changes;  /* stamps from which the clock has another offset, ascending, the first at or before `first` */
  std::vector<int64_t> offsets;  /* microseconds to be added from each change on; none: the stamps are local */
  std::vector<int64_t> holidays; /* days since 1970, ascending */

  bool covers(int64_t low, int64_t high) const noexcept { return first <= low && high < after; }
  int64_t local(int64_t stamp) const noexcept;
};

class Calendar {
 public:
  std::vector<Cycle> cycles;
  Spacing spacing;
  int holiday_columns = 0;  /* 0: none; 1: a holiday before the next step; 3: today, tomorrow, yesterday */
  bool needs_tables = false; /* whether a time zone or holidays have to be looked up */

  int64_t feature_count() const { return 2 * static_cast<int64_t>(cycles.size()) + holiday_columns; }

  /* Sine and cosine of where the stamp stands in each cycle, as float32 holds them, then the holidays. */
  void features(int64_t stamp, const CalendarTables &tables, float *out) const noexcept;
};

}  // namespace ensue

#endif
