#include "calendar.h"

#include <algorithm>
#include <cmath>

namespace ensue {
namespace {

constexpr int64_t kSecond = 1000000, kDay = 86400 * kSecond;
constexpr int64_t kEndOfMonth = 31;
constexpr int64_t kLastMonth = 12 * 300000;

// Stamps come from users: sums wrap around, as they do in NumPy, where they would overflow.
int64_t plus(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }
int64_t times(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); }

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
int64_t floor_modulo(int64_t a, int64_t b) {
  const int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

int64_t day_of(int64_t stamp) { return floor_divide(stamp, kDay); }

/* Days from 1970 to the first of a month, months counted from January 1970. */
int64_t first_of(int64_t month) {
  static constexpr int64_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const int64_t year = 1970 + floor_divide(month, 12), of_year = floor_modulo(month, 12);
  // Leap days before the month: from March on the year's own counts.
  const int64_t past = of_year >= 2 ? year : year - 1;
  const int64_t leaps = floor_divide(past, 4) - floor_divide(past, 100) + floor_divide(past, 400);
  return (year - 1970) * 365 + before[of_year] + leaps - 477;  // 477 leap days before 1970
}

/* The month a day lies in: guessed by the mean length of a month, which is never off by more than one. */
int64_t month_of(int64_t day) {
  int64_t month = floor_divide(day * 4800, 146097);
  while (first_of(month) > day) --month;
  while (first_of(month + 1) <= day) ++month;
  return month;
}

/* Monday is 0; the epoch was a Thursday. */
int64_t weekday(int64_t day) { return floor_modulo(day + 3, 7); }

/* A weekend is rolled forward to its Monday before steps are counted. */
int64_t advance_business_days(int64_t stamp, int64_t steps) {
  int64_t day = day_of(stamp);
  const int64_t clock = floor_modulo(stamp, kDay);
  if (weekday(day) > 4) day += 7 - weekday(day);
  const int64_t place = weekday(day);
  const int64_t moved = plus(day - place, plus(times(7, (place + steps) / 5), (place + steps) % 5));
  return plus(times(moved, kDay), clock);
}

int64_t advance_months(int64_t stamp, int64_t months, int64_t anchor) {
  const int64_t day = day_of(stamp), clock = floor_modulo(stamp, kDay), month = month_of(day);
  int64_t wanted = anchor;
  if (wanted == 0) wanted = day + 1 == first_of(month + 1) ? kEndOfMonth : day - first_of(month) + 1;
  // Beyond this month no stamp can be written, and days would overflow.
  const int64_t target = std::clamp(plus(month, months), -kLastMonth, kLastMonth), first = first_of(target);
  return plus(times(first + std::min(wanted, first_of(target + 1) - first) - 1, kDay), clock);
}

double within(int64_t stamp, int64_t length, int64_t offset = 0) {
  return static_cast<double>(floor_modulo(plus(stamp, offset), length)) / static_cast<double>(length);
}

double within_month(int64_t day) {
  const int64_t month = month_of(day), first = first_of(month);
  return static_cast<double>(day - first) / static_cast<double>(first_of(month + 1) - first);
}

double within_year(int64_t stamp) {
  const int64_t january = 12 * floor_divide(month_of(day_of(stamp)), 12), first = first_of(january);
  const int64_t length = (first_of(january + 12) - first) * kDay;
  return static_cast<double>(plus(stamp, -times(first, kDay))) / static_cast<double>(length);
}

/* The part of the cycle that has passed, 0 to 1, of a local stamp. */
double phase(Cycle cycle, int64_t stamp) {
  switch (cycle) {
    case Cycle::SecondOfMinute: return within(stamp, 60 * kSecond);
    case Cycle::MinuteOfHour: return within(stamp, 3600 * kSecond);
    case Cycle::HourOfDay: return within(stamp, kDay);
    case Cycle::DayOfWeek: return within(stamp, 7 * kDay, 3 * kDay);
    case Cycle::DayOfMonth: return within_month(day_of(stamp));
    case Cycle::DayOfYear: return within_year(stamp);
    case Cycle::MonthOfYear: return static_cast<double>(floor_modulo(month_of(day_of(stamp)), 12)) / 12;
  }
  return 0;
}

bool holds(const std::vector<int64_t> &days, int64_t day) { return std::binary_search(days.begin(), days.end(), day); }

}  // namespace

int64_t Spacing::advance(int64_t stamp, int64_t steps) const noexcept {
  const int64_t distance = times(steps, step);
  switch (kind) {
    case Kind::Fixed: return plus(stamp, distance);
    case Kind::BusinessDays: return advance_business_days(stamp, steps);
    case Kind::Months: return advance_months(stamp, distance, anchor);
  }
  return stamp;
}

int64_t CalendarTables::local(int64_t stamp) const noexcept {
  const auto next = std::upper_bound(changes.begin(), changes.end(), stamp);
  return next == changes.begin() ? stamp : plus(stamp, offsets[static_cast<size_t>(next - changes.begin()) - 1]);
}

void Calendar::features(int64_t stamp, const CalendarTables &tables, float *out) const noexcept {
  const int64_t local = tables.local(stamp);
  for (const Cycle cycle : cycles) {
    const double angle = 2 * M_PI * phase(cycle, local);
    *out++ = static_cast<float>(std::sin(angle));
    *out++ = static_cast<float>(std::cos(angle));
  }
  const int64_t today = day_of(local);
  const std::vector<int64_t> &days = tables.holidays;
  if (holiday_columns == 1) {
    const int64_t next = day_of(spacing.advance(local, 1));
    *out = std::lower_bound(days.begin(), days.end(), next) > std::lower_bound(days.begin(), days.end(), today);
  } else if (holiday_columns == 3) {
    out[0] = holds(days, today);
    out[1] = holds(days, today + 1);
    out[2] = holds(days, today - 1);
  }
}

}  // namespace ensue
