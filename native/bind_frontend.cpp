/* The front end and the calendar by themselves, as Python sees them: parts of a forecaster, and what tests compare. */
#include "calendar.h"
#include "frontend.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

namespace nb = nanobind;
using namespace ensue;

namespace {

template <typename Number>
using Line = nb::ndarray<Number, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Number>
nb::object owned(std::vector<Number> numbers, std::initializer_list<size_t> shape) {
  auto *kept = new std::vector<Number>(std::move(numbers));
  const nb::capsule owner(kept, [](void *p) noexcept { delete static_cast<std::vector<Number> *>(p); });
  return nb::cast(nb::ndarray<nb::numpy, Number>(kept->data(), shape, owner));
}

void make_front_end(FrontEnd *place, std::vector<int64_t> seasons, double half_life, std::optional<int64_t> slots) {
  const auto wrong = [](int64_t season) { return season < 2 || season > (int64_t{1} << 32); };
  if (std::any_of(seasons.begin(), seasons.end(), wrong) || seasons.size() > 1024 || !(half_life > 0))
    throw nb::value_error("there are no such seasons, or no such half-life");
  if (slots && (*slots < static_cast<int64_t>(seasons.size()) || *slots > 1024))
    throw nb::value_error("there are fewer slots than seasons, or too many");
  new (place) FrontEnd(std::move(seasons), half_life, slots);
}

/* One sequence through the front end alone, memory and phases moved on: features, anchors, center and spread. */
nb::object read_front_end(const FrontEnd &front, Line<const double> values, Line<double> memory,
                          Line<double> phases) {
  if (static_cast<int64_t>(memory.shape(0)) != front.memory_size() ||
      static_cast<int64_t>(phases.shape(0)) != front.phase_size())
    throw nb::value_error("memory or phases do not have the size of the front end");
  if (!(memory.data()[0] >= 0 && memory.data()[0] < 9e15)) throw nb::value_error("memory does not begin with a step");
  const size_t time = values.shape(0), features = static_cast<size_t>(front.feature_count()),
               anchors = static_cast<size_t>(front.anchor_count());
  std::vector<double> seen(time * features), mixed(time * anchors), center(time), spread(time);
  for (size_t t = 0; t < time; ++t) {
    const Unit unit = front.see(memory.data(), phases.data(), &seen[t * features], &mixed[t * anchors]);
    center[t] = unit.center, spread[t] = unit.spread;
    const double value = values.data()[t];
    if (std::isfinite(value))
      front.remember(value, memory.data(), phases.data());
    else
      front.wait(memory.data());
  }
  return nb::make_tuple(owned(std::move(seen), {time, features}), owned(std::move(mixed), {time, anchors}),
                        owned(std::move(center), {time}), owned(std::move(spread), {time}));
}

void make_calendar(Calendar *place, const std::vector<int> &cycles, int kind, int64_t step, int64_t anchor, int holiday_columns,
                       bool needs_tables) {
  Calendar calendar;
  if (step < 1 || anchor < 0 || anchor > 31) throw nb::value_error("there is no such spacing of time");
  for (const int cycle : cycles) {
    if (cycle < 0 || cycle > static_cast<int>(Cycle::MonthOfYear)) throw nb::value_error("there is no such cycle");
    calendar.cycles.push_back(static_cast<Cycle>(cycle));
  }
  if (kind < 0 || kind > 2 || (holiday_columns != 0 && holiday_columns != 1 && holiday_columns != 3))
    throw nb::value_error("there is no such spacing of time");
  calendar.spacing = {static_cast<Spacing::Kind>(kind), step, anchor};
  calendar.holiday_columns = holiday_columns;
  calendar.needs_tables = needs_tables;
  new (place) Calendar(std::move(calendar));
}

void make_tables(CalendarTables *place, int64_t first, int64_t after, std::vector<int64_t> changes, std::vector<int64_t> offsets,
                           std::vector<int64_t> holidays) {
  if (changes.size() != offsets.size()) throw nb::value_error("every change of the clock needs its offset");
  new (place) CalendarTables{first, after, std::move(changes), std::move(offsets), std::move(holidays)};
}

nb::object advance_stamps(const Calendar &calendar, Line<const int64_t> stamps, int64_t steps) {
  std::vector<int64_t> later(stamps.shape(0));
  for (size_t i = 0; i < later.size(); ++i) later[i] = calendar.spacing.advance(stamps.data()[i], steps);
  return owned(std::move(later), {stamps.shape(0)});
}

nb::object calendar_features(const Calendar &calendar, Line<const int64_t> stamps, const CalendarTables &tables) {
  const auto columns = static_cast<size_t>(calendar.feature_count());
  std::vector<float> features(stamps.shape(0) * columns);
  for (size_t i = 0; i < stamps.shape(0); ++i)
    calendar.features(stamps.data()[i], tables, features.data() + i * columns);
  return owned(std::move(features), {stamps.shape(0), columns});
}

}  // namespace

void bind_frontend(nb::module_ &module) {
  nb::class_<FrontEnd>(module, "FrontEnd")
      .def("__init__", &make_front_end, nb::arg("seasons"), nb::arg("half_life"), nb::arg("slots") = nb::none())
      .def_prop_ro("memory_size", &FrontEnd::memory_size)
      .def_prop_ro("phase_size", &FrontEnd::phase_size)
      .def("read", &read_front_end, nb::arg("values"), nb::arg("memory").noconvert(),
           nb::arg("phases").noconvert());
  nb::class_<CalendarTables>(module, "CalendarTables")
      .def("__init__", &make_tables, nb::arg("first"), nb::arg("after"), nb::arg("changes"), nb::arg("offsets"),
           nb::arg("holidays"));
  nb::class_<Calendar>(module, "Calendar")
      .def("__init__", &make_calendar, nb::arg("cycles"), nb::arg("kind"), nb::arg("step"), nb::arg("anchor"),
           nb::arg("holiday_columns"), nb::arg("needs_tables"))
      .def("advance", &advance_stamps, nb::arg("stamps"), nb::arg("steps"))
      .def("features", &calendar_features, nb::arg("stamps"), nb::arg("tables"));
}
