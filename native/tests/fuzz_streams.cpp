/* Streams whose records, stamps and covariates are not to be trusted. */
#include "fuzz.h"
#include "guarded.h"
#include "programs.h"
#include "streams.h"

#include <optional>

namespace {

using namespace ensue;

ForecasterPlan plan_of(Bytes &bytes) {
  std::vector<int64_t> seasons;
  for (int64_t left = bytes.below(3); left > 0; --left) seasons.push_back(2 + bytes.below(30));
  std::optional<int64_t> slots;
  if (bytes.once_in(2)) slots = static_cast<int64_t>(seasons.size()) + bytes.below(3);
  ForecasterPlan plan{
      FrontEnd(seasons, 1.0 + static_cast<double>(bytes.below(100)), slots), {}, false, false, 0, 0, 0, {}, {}, 0, false};
  for (int64_t cycle = 0; cycle < 7; ++cycle)
    if (bytes.once_in(3)) plan.calendar.cycles.push_back(static_cast<Cycle>(cycle));
  plan.calendar.spacing = {static_cast<Spacing::Kind>(bytes.below(3)),
                           bytes.once_in(2) ? 1 + bytes.below(200) : bytes.whole(), bytes.below(34) - 1};
  plan.calendar.holiday_columns = bytes.once_in(3) ? 3 : bytes.once_in(3) ? 1 : 0;
  plan.calendar.needs_tables = bytes.once_in(2);
  plan.has_stamps = bytes.once_in(2);
  plan.is_regular = !bytes.once_in(3);
  plan.future = bytes.below(3), plan.past = bytes.below(3), plan.fixed = bytes.below(3);
  const int64_t columns[] = {plan.future, plan.past, plan.fixed};
  for (int32_t source = 0; source < 3; ++source)
    for (int64_t column = 0; column < columns[source] + (bytes.once_in(40) ? 1 : 0); ++column)
      plan.covariates.push_back({static_cast<Covariate::Source>(source), column, false, bytes.real(), bytes.real()});
  const int64_t levels = 1 + bytes.below(5);
  for (int64_t level = 0; level < levels; ++level) plan.widths.push_back(bytes.real());
  plan.median = bytes.below(levels + 1) - bytes.below(2);
  plan.nonnegative = bytes.once_in(2);
  return plan;
}

std::unique_ptr<Network> network_for(const ForecasterPlan &plan, Bytes &bytes) {
  const int64_t levels = static_cast<int64_t>(plan.widths.size()), hidden = 1 + bytes.below(9);
  int64_t inputs = plan.front_end.feature_count() + !plan.is_regular + plan.calendar.feature_count();
  inputs += 2 * static_cast<int64_t>(plan.covariates.size());
  const int64_t anchors = bytes.once_in(2) ? plan.front_end.anchor_count() : 0;
  Builder made;
  made.lstm(inputs, hidden, 1 + bytes.below(2), 1, false, false);
  made.add("quantile_head", {hidden, levels, 0, anchors}, {(anchors + levels) * hidden, anchors + levels});
  return built(made.program, *ensue_find_kernels(nullptr));
}

CalendarTables tables_of(Bytes &bytes) {
  CalendarTables tables;
  tables.first = bytes.whole(), tables.after = bytes.whole();
  for (int64_t left = bytes.below(3); left > 0; --left)
    tables.changes.push_back(tables.first), tables.offsets.push_back(bytes.whole());
  for (int64_t left = bytes.below(3); left > 0; --left) tables.holidays.push_back(left * 100);
  return tables;
}

/* Records as somebody might have written them. */
void overwrite(Streams &streams, Bytes &bytes) {
  const int64_t words = streams.forecaster().record_size();
  Numbers<double> records(static_cast<size_t>(streams.count() * words));
  const Block block = streams.block(nullptr, streams.count());
  streams.take(block, records.data());
  for (int64_t lies = bytes.below(20); lies > 0; --lies) {
    const auto where = static_cast<size_t>(bytes.whole()) % records.size();
    const int64_t whole = bytes.whole();
    records.data()[where] = bytes.real();
    if (bytes.once_in(2)) std::memcpy(records.data() + where, &whole, sizeof whole);
  }
  streams.put(block, records.data());
  records.check("records");
}

void read_some(Streams &streams, Bytes &bytes) {
  const ForecasterPlan &plan = streams.forecaster().plan();
  const int64_t levels = streams.forecaster().levels();
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < streams.count(); ++row)
    if (bytes.once_in(2)) rows.push_back(row);
  Block block = streams.block(rows.empty() ? nullptr : rows.data(),
                              rows.empty() ? streams.count() : static_cast<int64_t>(rows.size()));
  block.time = 1 + bytes.below(20);
  const int64_t cells = block.count * block.time;
  const Numbers<double> values(bytes.reals<double>(cells)), deltas(bytes.reals<double>(cells));
  const Numbers<double> past(bytes.reals<double>(cells * plan.past)), future(bytes.reals<double>(cells * plan.future));
  const Numbers<double> quantiles(static_cast<size_t>(cells * levels));
  std::vector<int64_t> stamps;
  for (int64_t cell = 0; cell < cells; ++cell) stamps.push_back(bytes.whole());
  if (!bytes.once_in(3)) block.values = values.data();
  if (!bytes.once_in(3)) block.quantiles = quantiles.data();
  if (bytes.once_in(2)) block.stamps = {stamps.data(), bytes.once_in(2) ? 0 : block.time};
  if (bytes.once_in(2)) block.deltas = {deltas.data(), block.time};
  if (bytes.once_in(2)) block.past = {past.data(), block.time * plan.past};
  if (bytes.once_in(2)) block.future = {future.data(), 0};
  int64_t low = 0, high = 0;
  streams.read(block, static_cast<int>(bytes.below(4)), low, high);
  quantiles.check("quantiles");
}

}  // namespace

void fuzz_streams(Bytes &bytes) {
  ForecasterPlan plan = plan_of(bytes);
  const auto network = network_for(plan, bytes), other = network_for(plan, bytes);
  const int64_t fixed = plan.fixed;
  std::string error;
  const auto forecaster = Forecaster::build(std::move(plan), {network.get(), other.get()}, error);
  CHECK((forecaster == nullptr) == !error.empty(), "it is built, and refused: ", error);
  count_outcome(forecaster != nullptr);
  if (forecaster == nullptr) return;
  const int64_t count = bytes.once_in(3) ? 1 + bytes.below(150) : 1;
  const Numbers<double> beside(bytes.reals<double>(count * fixed));
  Streams streams(*forecaster, count, bytes.once_in(2) ? beside.data() : nullptr);
  const Numbers<double> quantiles(static_cast<size_t>(forecaster->levels()));
  for (int64_t turns = 1 + bytes.below(8); turns > 0; --turns) {
    if (bytes.once_in(2)) forecaster->set_tables(tables_of(bytes));
    if (bytes.once_in(2)) overwrite(streams, bytes);
    read_some(streams, bytes);
    for (int64_t steps = bytes.below(5); steps > 0; --steps) streams.step(bytes.real(), quantiles.data());
    quantiles.check("quantiles");
  }
}
