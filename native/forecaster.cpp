#include "forecaster.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ensue {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Forecaster::Forecaster(ForecasterPlan plan, std::vector<const Network *> networks)
    : plan_(std::move(plan)), networks_(std::move(networks)), tables_(nullptr) {
  input_size_ = plan_.front_end.feature_count() + !plan_.is_regular + plan_.calendar.feature_count();
  for (const Covariate &each : plan_.covariates) input_size_ += each.is_category ? 1 : 2;
  for (const Network *network : networks_)
    for (const StateShape &shape : network->states) {
      state_floats_ += shape.rows * shape.size;
      ++state_arrays_;
    }
  past_at_ = kMemory + plan_.front_end.memory_size();
  fixed_at_ = past_at_ + plan_.past;
  states_at_ = fixed_at_ + plan_.fixed;
  head_size_ = states_at_ + (state_floats_ + 1) / 2;
  set_tables({});
}

std::unique_ptr<Forecaster> Forecaster::build(ForecasterPlan plan, std::vector<const Network *> networks,
                                              std::string &error) {
  const auto columns = [&](Covariate::Source source) {
    return source == Covariate::Source::Future ? plan.future : source == Covariate::Source::Past ? plan.past : plan.fixed;
  };
  for (const Covariate &each : plan.covariates)
    if (each.column < 0 || each.column >= columns(each.source)) error = "a covariate has no such column";
  if (networks.empty() || plan.median < 0 || plan.median >= static_cast<int64_t>(plan.widths.size()))
    error = "there are no networks, or no median";
  if (plan.calendar.spacing.step < 1 || plan.calendar.spacing.anchor < 0 || plan.calendar.spacing.anchor > 31)
    error = "time has no such spacing";
  if (!error.empty()) return nullptr;
  std::unique_ptr<Forecaster> built(new Forecaster(std::move(plan), std::move(networks)));
  for (const Network *network : built->networks_)
    if (network->input_size != built->input_size_ || network->output_size != built->levels() || !network->causal ||
        network->output_time(5, true) != 5 ||
        (network->anchors != 0 && network->anchors != built->plan_.front_end.anchor_count()))
      error = "a network does not have the inputs, the anchors or the outputs of the task";
  return error.empty() ? std::move(built) : nullptr;
}

void Forecaster::start(double *record, const double *fixed) const noexcept {
  std::fill(record, record + record_size(), 0.0);
  std::fill(record + past_at_, record + fixed_at_, kNothing);
  if (fixed == nullptr)
    std::fill(record + fixed_at_, record + states_at_, kNothing);
  else
    std::copy(fixed, fixed + plan_.fixed, record + fixed_at_);
}

bool Forecaster::valid(const double *record) const noexcept {
  constexpr double most = 9e15; /* as stream_state has it: more than any stream reads, and few enough to be counted */
  const Clock &at = clock(record);
  const double steps = record[kMemory];
  if (at.steps < 0 || at.steps >= static_cast<int64_t>(most) || at.known < 0 || at.known > 1) return false;
  return steps >= 0 && steps < most && steps == std::floor(steps);
}

void Forecaster::set_tables(CalendarTables tables) {
  const std::lock_guard<std::mutex> guard(tables_lock_);
  all_tables_.push_back(std::make_unique<const CalendarTables>(std::move(tables)));
  tables_.store(all_tables_.back().get(), std::memory_order_release);
}

int Forecaster::check(const Block &block, int64_t &low, int64_t &high) const noexcept {
  const bool needs_clock = !plan_.calendar.cycles.empty() || !plan_.is_regular;
  if (!needs_clock) return READ_OK;
  if (!plan_.is_regular && block.values != nullptr && block.stamps.data == nullptr) return READ_NO_CLOCK;
  low = std::numeric_limits<int64_t>::max(), high = std::numeric_limits<int64_t>::min();
  for (int64_t i = 0; i < block.count; ++i) {
    const Clock &at = clock(block.records + block.row(i) * record_size());
    if (!at.known && block.stamps.data == nullptr) return READ_NO_CLOCK;
    if (!plan_.calendar.needs_tables) continue;
    const Desk::Seat seat{nullptr, nullptr, at.last, true};
    const int64_t first = stamp(block, i, seat, 0), last = stamp(block, i, seat, block.time - 1);
    low = std::min({low, first, last}), high = std::max({high, first, last});
  }
  if (!plan_.calendar.needs_tables) return READ_OK;
  return tables_.load(std::memory_order_acquire)->covers(low, high) ? READ_OK : READ_NO_TABLES;
}

bool Forecaster::may_refuse() const noexcept {
  return std::any_of(networks_.begin(), networks_.end(), [](const Network *network) { return network->embeds; });
}

void Forecaster::keep(const Block &block, double *kept, bool back) const noexcept {
  for (int64_t i = 0; i < block.count; ++i, kept += kept_size(block.time)) {
    double *record = block.records + block.row(i) * record_size();
    back ? std::copy(kept, kept + head_size_, record) : std::copy(record, record + head_size_, kept);
    plan_.front_end.keep(record + kMemory, record + head_size_, block.time, kept + head_size_, back);
  }
}

}  // namespace ensue
