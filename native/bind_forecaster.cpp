/* Streams of a forecaster as Python sees them: shapes and kinds are checked here, the GIL is let go while the core reads. */
#include "streams.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace nb = nanobind;
using namespace ensue;

void bind_frontend(nb::module_ &module);

namespace {

template <typename Number, size_t dimensions>
using Array = nb::ndarray<Number, nb::ndim<dimensions>, nb::c_contig, nb::device::cpu>;
template <typename Number, size_t dimensions>
using Maybe = std::optional<Array<const Number, dimensions>>;
using Rows = Maybe<int64_t, 1>;
using CovariateTuple = std::tuple<int, int64_t, bool, double, double>;

template <typename Number, size_t dimensions>
void expect(const Array<Number, dimensions> &array, const char *name, std::initializer_list<int64_t> shape) {
  size_t axis = 0;
  for (const int64_t size : shape)
    if (static_cast<int64_t>(array.shape(axis++)) != size)
      throw nb::value_error((std::string(name) + " does not have the shape that goes with the streams").c_str());
}

/* For numbers that are the same for all streams or are given for each. */
template <typename Number, size_t dimensions>
Beside<Number> beside(const Maybe<Number, dimensions> &given, const char *name, int64_t count, int64_t time,
                      int64_t columns) {
  if (!given) return {};
  const auto streams = static_cast<int64_t>(given->shape(0));
  if constexpr (dimensions == 3)
    expect<const Number, 3>(*given, name, {streams == 1 ? 1 : count, time, columns});
  else
    expect<const Number, 2>(*given, name, {streams == 1 ? 1 : count, time});
  return {given->data(), streams == 1 ? 0 : time * columns};
}

using Networks = std::vector<nb::object>;

/* A forecaster, and what Python has to keep alive for it. */
struct Kept {
  Networks networks;
  std::unique_ptr<Forecaster> core;
};

void make_forecaster(Kept *place, Networks networks, const FrontEnd &front_end, const Calendar &calendar,
                     bool has_stamps, bool is_regular, std::tuple<int64_t, int64_t, int64_t> columns,
                     const std::vector<CovariateTuple> &covariates, std::vector<double> widths, int64_t median,
                     bool nonnegative) {
  const auto [future, past, fixed] = columns;
  if (future < 0 || past < 0 || fixed < 0) throw nb::value_error("there is no such number of columns");
  ForecasterPlan plan{front_end, calendar, has_stamps, is_regular, future, past, fixed, {}, std::move(widths), median,
                      nonnegative};
  for (const auto &[source, column, is_category, mean, spread] : covariates) {
    if (source < 0 || source > 2) throw nb::value_error("a covariate is of no such kind");
    plan.covariates.push_back({static_cast<Covariate::Source>(source), column, is_category, mean, spread});
  }
  std::vector<const Network *> members;
  for (const nb::object &each : networks) members.push_back(&nb::cast<const Network &>(each));
  std::string error;
  std::unique_ptr<Forecaster> core = Forecaster::build(std::move(plan), std::move(members), error);
  if (!core) throw nb::value_error(error.c_str());
  new (place) Kept{std::move(networks), std::move(core)};
}

/* Streams, and what Python has to keep alive for them. */
struct KeptStreams {
  nb::object forecaster;
  std::unique_ptr<Streams> core;

  int64_t levels() const { return core->forecaster().levels(); }
  int64_t words() const { return core->forecaster().record_size(); }

  Block block_of(const Rows &rows) const {
    const Block block = core->block(rows ? rows->data() : nullptr, rows ? static_cast<int64_t>(rows->shape(0)) : core->count());
    if (block.count < 1) throw nb::value_error("rows name no streams");
    for (int64_t i = 0; rows && i < block.count; ++i)
      if (block.rows[i] < 0 || block.rows[i] >= core->count() || (i > 0 && block.rows[i] <= block.rows[i - 1]))
        throw nb::value_error("rows do not name streams in ascending order");
    return block;
  }

  nb::object run(const Block &block, int threads) const {
    int64_t low = 0, high = 0;
    int status;
    {
      const nb::gil_scoped_release released;
      status = core->read(block, threads, low, high);
    }
    if (status == READ_NO_TABLES) return nb::make_tuple(low, high);
    if (status == READ_NO_CLOCK) return nb::cast("clock");
    if (status != READ_OK) return nb::cast("codes");
    return nb::none();
  }
};

void make_streams(KeptStreams *place, nb::object forecaster, int64_t count, Maybe<double, 2> fixed) {
  const Forecaster &core = *nb::cast<const Kept &>(forecaster).core;
  if (count < 1 || count > std::numeric_limits<int64_t>::max() / 16 / core.record_size())
    throw nb::value_error("there is no such number of streams");
  if (fixed) expect<const double, 2>(*fixed, "static", {count, core.plan().fixed});
  new (place) KeptStreams{forecaster, std::make_unique<Streams>(core, count, fixed ? fixed->data() : nullptr)};
}

bool step_stream(const KeptStreams &streams, double value, Array<double, 2> quantiles) {
  expect<double, 2>(quantiles, "quantiles", {1, streams.levels()});
  const nb::gil_scoped_release released;
  return streams.core->step(value, quantiles.data());
}

/* Fills quantiles (streams, time, levels); without values it looks ahead. None; or, and nothing has happened, from where
 * to where tables are lacking, "clock" where a stamp is, "codes" where a network knows no such category. */
nb::object read_streams(const KeptStreams &streams, std::optional<Array<const double, 2>> values, Array<double, 3> quantiles,
                Maybe<int64_t, 2> stamps, Maybe<double, 2> deltas, Maybe<double, 3> past, Maybe<double, 3> future,
                Rows rows, int threads) {
  const ForecasterPlan &plan = streams.core->forecaster().plan();
  Block block = streams.block_of(rows);
  block.time = static_cast<int64_t>(quantiles.shape(1));
  if (block.time < 1) throw nb::value_error("there are no steps");
  if (values) expect<const double, 2>(*values, "values", {block.count, block.time});
  expect<double, 3>(quantiles, "quantiles", {block.count, block.time, streams.levels()});
  block.values = values ? values->data() : nullptr;
  block.quantiles = quantiles.data();
  block.stamps = beside<int64_t, 2>(stamps, "stamps", block.count, block.time, 1);
  block.deltas = beside<double, 2>(deltas, "deltas", block.count, block.time, 1);
  block.past = beside<double, 3>(past, "past", block.count, block.time, plan.past);
  block.future = beside<double, 3>(future, "future", block.count, block.time, plan.future);
  return streams.run(block, threads);
}

/* Reads `time` missing steps that nobody asks about. */
nb::object skip_steps(const KeptStreams &streams, int64_t time, Rows rows, int threads) {
  Block block = streams.block_of(rows);
  if (time < 1 || time > std::numeric_limits<int64_t>::max() / 16 / block.count)
    throw nb::value_error("there is no such number of steps");
  const std::vector<double> nothing(static_cast<size_t>(time * block.count), std::nan(""));
  block.time = time, block.values = nothing.data();
  return streams.run(block, threads);
}

void take_records(const KeptStreams &streams, Array<double, 2> records, Rows rows) {
  const Block block = streams.block_of(rows);
  expect<double, 2>(records, "records", {block.count, streams.words()});
  const nb::gil_scoped_release released;
  streams.core->take(block, records.data());
}

bool put_records(const KeptStreams &streams, Array<const double, 2> records, Rows rows) {
  const Block block = streams.block_of(rows);
  expect<const double, 2>(records, "records", {block.count, streams.words()});
  const nb::gil_scoped_release released;
  return streams.core->put(block, records.data());
}

nb::object view_records(nb::object self) {
  const KeptStreams &streams = nb::cast<const KeptStreams &>(self);
  const size_t shape[] = {static_cast<size_t>(streams.core->count()), static_cast<size_t>(streams.words())};
  return nb::cast(nb::ndarray<nb::numpy, const double, nb::ndim<2>>(streams.core->records(), 2, shape, self));
}

/* A step from one fixed buffer to another: what a hot loop calls. */
struct BoundStep {
  nb::object keeper;
  Streams *streams;
  Array<double, 1> x, y;

  bool operator()() const {
    const nb::gil_scoped_release released;
    return streams->step(*x.data(), y.data());
  }
};

void make_bound(BoundStep *place, nb::object streams, Array<double, 1> x, Array<double, 1> y) {
  const KeptStreams &kept = nb::cast<const KeptStreams &>(streams);
  expect<double, 1>(x, "x", {1});
  expect<double, 1>(y, "y", {kept.levels()});
  new (place) BoundStep{streams, kept.core.get(), std::move(x), std::move(y)};
}

}  // namespace

void bind_forecaster(nb::module_ &module) {
  const auto none = nb::none();
  bind_frontend(module);
  nb::class_<Kept>(module, "Forecaster")
      .def("__init__", &make_forecaster, nb::arg("networks"), nb::arg("front_end"), nb::arg("calendar"),
           nb::arg("has_stamps"), nb::arg("is_regular"), nb::arg("columns"), nb::arg("covariates"), nb::arg("widths"),
           nb::arg("median"), nb::arg("nonnegative"))
      .def_prop_ro("record_size", [](const Kept &kept) { return kept.core->record_size(); })
      .def("set_tables", [](const Kept &kept, const CalendarTables &tables) { kept.core->set_tables(tables); },
           nb::arg("tables"));
  nb::class_<KeptStreams>(module, "Streams")
      .def("__init__", &make_streams, nb::arg("forecaster"), nb::arg("count"), nb::arg("static") = none)
      .def("step", &step_stream, nb::arg("value"), nb::arg("quantiles").noconvert())
      .def("read", &read_streams, nb::arg("values").none(), nb::arg("quantiles").noconvert(), nb::arg("stamps") = none,
           nb::arg("deltas") = none, nb::arg("past") = none, nb::arg("future") = none, nb::arg("rows") = none,
           nb::arg("threads") = 1)
      .def("skip", &skip_steps, nb::arg("time"), nb::arg("rows") = none, nb::arg("threads") = 1)
      .def("take", &take_records, nb::arg("records").noconvert(), nb::arg("rows") = none)
      .def("put", &put_records, nb::arg("records"), nb::arg("rows") = none)
      .def_prop_ro("records", &view_records);
  nb::class_<BoundStep>(module, "BoundStep")
      .def("__init__", &make_bound, nb::arg("streams"), nb::arg("x").noconvert(),
           nb::arg("y").noconvert())
      .def("__call__", &BoundStep::operator());
}
