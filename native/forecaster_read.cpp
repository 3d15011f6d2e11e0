#include "forecaster.h"
#include "threads.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace ensue {
namespace {

constexpr int64_t kStepsAtOnce = 2048; // streams x steps whose inputs are held at once: they stay in the cache
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kEnough = 3;  // values seen before a spread means anything, as data.causal has it

Clock &clock_of(double *head) { return *reinterpret_cast<Clock *>(head); }

double larger(double a, double b) { return a > b || a != a ? a : b; }
double smaller(double a, double b) { return a < b || a != a ? a : b; }

/* Hands out aligned parts of one piece of memory, or only counts them. */
class Shelf {
 public:
  explicit Shelf(char *memory) : memory_(memory) {}
  template <typename Item>
  Item *take(int64_t count) {
    return static_cast<Item *>(take_bytes(static_cast<size_t>(count) * sizeof(Item)));
  }
  void *take_bytes(size_t bytes) {
    char *part = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (bytes + ENSUE_ALIGNMENT - 1) / ENSUE_ALIGNMENT * ENSUE_ALIGNMENT;
    return part;
  }
  size_t used() const { return used_; }

 private:
  char *memory_;
  size_t used_ = 0;
};

}  // namespace

void Desk::Free::operator()(void *memory) const { std::free(memory); }

/* Inputs of so many steps of each stream are held at once. */
int64_t Forecaster::piece(int64_t streams, int64_t time) const {
  return std::min(time, std::max<int64_t>(kStepsAtOnce / std::min(streams, kGroup), 1));
}

void Forecaster::prepare(Desk &desk, int64_t streams, int64_t time, bool outputs) const {
  if (desk.streams == streams && desk.steps == time && desk.outputs == outputs && desk.memory) return;
  const int64_t group = std::min(streams, kGroup), steps = piece(streams, time), cells = group * steps;
  // The last group and the last piece may be smaller, and a smaller call need not be content with less.
  size_t workspace = 0;
  for (const Network *network : networks_)
    for (const int64_t some : {group, streams % kGroup})
      for (const int64_t few : {steps, time % steps})
        if (some > 0 && few > 0) workspace = std::max(workspace, network->workspace_bytes(some, few, outputs, 1));
  if (workspace == SIZE_MAX) throw std::bad_alloc();
  const auto lay_out = [&](Shelf shelf) {
    desk.seats = shelf.take<Desk::Seat>(group);
    desk.heads = shelf.take<double>(group * head_size_);
    desk.seen = shelf.take<double>(plan_.front_end.feature_count() + plan_.front_end.anchor_count());
    desk.totals = shelf.take<double>(cells * levels());
    desk.units = shelf.take<Unit>(cells);
    desk.x = shelf.take<float>(cells * input_size_);
    desk.anchors = shelf.take<float>(cells * plan_.front_end.anchor_count());
    desk.y = shelf.take<float>(cells * levels());
    desk.states = shelf.take<float>(group * state_floats_);
    desk.pointers = shelf.take<float *>(state_arrays_);
    desk.workspace = shelf.take_bytes(workspace);
    return shelf.used();
  };
  const size_t size = lay_out(Shelf(nullptr));
  desk.streams = 0;
  if (size > desk.size) {
    desk.memory.reset(static_cast<char *>(std::aligned_alloc(ENSUE_ALIGNMENT, size)));
    desk.size = desk.memory ? size : 0;
    if (!desk.memory) throw std::bad_alloc();
  }
  lay_out(Shelf(desk.memory.get()));
  desk.streams = streams, desk.steps = time, desk.outputs = outputs;
}

/* Where no clock is needed and none was given, positions count from 0. */
int64_t Forecaster::stamp(const Block &block, int64_t stream, const Desk::Seat &seat, int64_t step) const noexcept {
  if (block.stamps.data != nullptr) return block.stamps.of(stream)[step];
  return plan_.calendar.spacing.advance(seat.before, step + 1);
}

int Forecaster::read(const Block &block, Desk *desks, int threads) const noexcept {
  struct Work {
    const Forecaster *forecaster;
    const Block *block;
    Desk *desks;
    std::atomic<int64_t> next{0};
    std::atomic<int> status{READ_OK};
  } work;
  work.forecaster = this, work.block = &block, work.desks = desks;
  const int64_t groups = (block.count + kGroup - 1) / kGroup;
  const auto part = [](void *context, int number) {
    Work &shared = *static_cast<Work *>(context);
    for (int64_t first; (first = shared.next.fetch_add(kGroup)) < shared.block->count;) {
      const int64_t count = std::min(kGroup, shared.block->count - first);
      const int status = shared.forecaster->read_group(*shared.block, first, count, shared.desks[number]);
      if (status != READ_OK) shared.status = status;
    }
  };
  ensue_in_parts(static_cast<int>(std::min<int64_t>(threads, groups)), part, &work);
  return work.status;
}

int Forecaster::read_group(const Block &block, int64_t first, int64_t count, Desk &desk) const noexcept {
  sit_down(block, first, count, desk);
  move_states(count, false, desk);
  const int64_t piece = this->piece(block.count, block.time);
  for (int64_t begin = 0; begin < block.time; begin += piece) {
    const int64_t steps = std::min(piece, block.time - begin);
    see(block, first, count, begin, steps, desk);
    const int status = think(count, steps, block.quantiles != nullptr, desk);
    if (status != ENSUE_OK) return status;
    if (block.quantiles == nullptr) continue;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t t = 0; t < steps; ++t)
        answer(desk.totals + (i * steps + t) * levels(), desk.units[i * steps + t],
               block.quantiles + ((first + i) * block.time + begin + t) * levels());
  }
  if (block.values != nullptr) move_states(count, true, desk);
  return READ_OK;
}

void Forecaster::sit_down(const Block &block, int64_t first, int64_t count, Desk &desk) const noexcept {
  for (int64_t i = 0; i < count; ++i) {
    double *record = block.records + block.row(first + i) * record_size();
    double *head = record;
    if (block.values == nullptr) {
      head = desk.heads + i * head_size_;
      std::memcpy(head, record, static_cast<size_t>(head_size_) * sizeof(double));
    }
    const Clock &at = clock(record);
    const bool positions = !plan_.has_stamps && plan_.is_regular;
    const int64_t before = at.known || !positions ? at.last : -plan_.calendar.spacing.step;
    desk.seats[i] = {head, record + head_size_, before, at.known || positions || block.stamps.data != nullptr};
  }
}

/* Fills the desk with what the networks see of some steps, and moves the front end on. */
void Forecaster::see(const Block &block, int64_t first, int64_t count, int64_t begin, int64_t steps,
                     Desk &desk) const noexcept {
  const FrontEnd &front = plan_.front_end;
  const int64_t features = front.feature_count(), anchors = front.anchor_count();
  const int64_t of_calendar = plan_.calendar.feature_count();
  const CalendarTables &tables = *tables_.load(std::memory_order_acquire);
  for (int64_t t = 0; t < steps; ++t) {
    const float *known_calendar = nullptr;
    int64_t known_stamp = 0;
    for (int64_t i = 0; i < count; ++i) {
      const Desk::Seat &seat = desk.seats[i];
      const int64_t stream = first + i, step = begin + t, cell = i * steps + t;
      double *memory = seat.head + kMemory;
      desk.units[cell] = front.see(memory, seat.phases, desk.seen, desk.seen + features);
      const bool ready = reinterpret_cast<const SeriesMemory *>(memory)->count >= kEnough;
      if (block.values != nullptr && !ready) desk.units[cell] = {kNothing, kNothing};  // and so is the answer
      float *x = std::copy(desk.seen, desk.seen + features, desk.x + cell * input_size_);
      std::copy(desk.seen + features, desk.seen + features + anchors, desk.anchors + cell * anchors);
      if (!plan_.is_regular) {
        const double delta = block.deltas.data == nullptr ? 1.0 : block.deltas.of(stream)[step];
        *x++ = static_cast<float>(std::log1p(delta < 0 ? 0 : delta > 1e4 ? 1e4 : delta));
      }
      const int64_t stamp = seat.clocked ? this->stamp(block, stream, seat, step) : 0;
      if (of_calendar > 0) {
        // Streams that are read together mostly stand at the same time.
        if (known_calendar != nullptr && known_stamp == stamp)
          std::copy(known_calendar, known_calendar + of_calendar, x);
        else
          plan_.calendar.features(stamp, tables, x);
        known_calendar = x, known_stamp = stamp;
        x += of_calendar;
      }
      see_covariates(block, stream, step, seat.head, x);
      const double *past = block.past.of(stream);
      for (int64_t column = 0; column < plan_.past; ++column)
        seat.head[past_at_ + column] = past == nullptr ? kNothing : past[step * plan_.past + column];

      const double value = block.values == nullptr ? kNothing : block.values[stream * block.time + step];
      if (std::isfinite(value))
        front.remember(value, memory, seat.phases);
      else
        front.wait(memory);
      Clock &at = clock_of(seat.head);
      at.steps += 1;
      if (seat.clocked) at.last = stamp, at.known = 1;
    }
  }
}

void Forecaster::see_covariates(const Block &block, int64_t stream, int64_t step, const double *head,
                                float *x) const noexcept {
  for (const Covariate &each : plan_.covariates) {
    double value = kNothing;
    if (each.source == Covariate::Source::Past) value = head[past_at_ + each.column];
    if (each.source == Covariate::Source::Static) value = head[fixed_at_ + each.column];
    if (each.source == Covariate::Source::Future && block.future.data != nullptr)
      value = block.future.of(stream)[step * plan_.future + each.column];
    if (each.is_category) {
      *x++ = std::isnan(value) ? 0.0F : static_cast<float>(value);
      continue;
    }
    const bool known = std::isfinite(value);
    *x++ = known ? static_cast<float>(std::asinh((value - each.mean) / each.spread)) : 0.0F;
    *x++ = known;
  }
}

/* States lie stream by stream in the records and array by array before the networks; of one stream they are the same. */
void Forecaster::move_states(int64_t count, bool back, Desk &desk) const noexcept {
  const auto of = [&](int64_t stream) { return reinterpret_cast<float *>(desk.seats[stream].head + states_at_); };
  float *packed = desk.states;
  int64_t at = 0, array = 0;
  for (const Network *network : networks_)
    for (const StateShape &shape : network->states) {
      desk.pointers[array++] = count == 1 ? of(0) + at : packed;
      for (int64_t row = 0; row < shape.rows; ++row, at += shape.size)
        for (int64_t i = 0; i < count && count > 1; ++i, packed += shape.size) {
          const auto bytes = static_cast<size_t>(shape.size) * sizeof(float);
          if (back)
            std::memcpy(of(i) + at, packed, bytes);
          else
            std::memcpy(packed, of(i) + at, bytes);
        }
    }
}

/* The networks' answers summed. */
int Forecaster::think(int64_t count, int64_t steps, bool outputs, Desk &desk) const noexcept {
  const int64_t answers = count * steps * levels();
  if (outputs) std::fill(desk.totals, desk.totals + answers, 0.0);
  float *const *states = desk.pointers;
  for (const Network *network : networks_) {
    const int status = network->forward(desk.x, network->anchors == 0 ? nullptr : desk.anchors, states,
                                        outputs ? desk.y : nullptr, count, steps, nullptr, outputs, desk.workspace, 1);
    if (status != ENSUE_OK) return status;
    for (int64_t k = 0; outputs && k < answers; ++k) desk.totals[k] += static_cast<double>(desk.y[k]);
    states += network->states.size();
  }
  return ENSUE_OK;
}

/* Stretched about the median, in the data's own units, in order, and none below zero where the target never is. */
void Forecaster::answer(const double *totals, const Unit &unit, double *quantiles) const noexcept {
  const int64_t middle = plan_.median, count = levels();
  const auto members = static_cast<double>(networks_.size());
  const double median = totals[middle] / members;
  for (int64_t k = 0; k < count; ++k) {
    const double stretched = median + (totals[k] / members - median) * plan_.widths[static_cast<size_t>(k)];
    quantiles[k] = stretched * unit.spread + unit.center;
  }
  for (int64_t k = middle + 1; k < count; ++k) quantiles[k] = larger(quantiles[k], quantiles[k - 1]);
  for (int64_t k = middle - 1; k >= 0; --k) quantiles[k] = smaller(quantiles[k], quantiles[k + 1]);
  if (plan_.nonnegative)
    for (int64_t k = 0; k < count; ++k) quantiles[k] = larger(quantiles[k], 0.0);
}

}  // namespace ensue
