#include "streams.h"

#include <algorithm>
#include <cmath>
#include <thread>

namespace ensue {

Streams::Turn::Turn(std::atomic_flag &busy) : busy_(busy) {
  while (busy_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
}

Streams::Streams(const Forecaster &forecaster, int64_t count, const double *fixed)
    : forecaster_(forecaster), count_(count), records_(static_cast<size_t>(count * forecaster.record_size())) {
  const int64_t columns = forecaster.plan().fixed;
  for (int64_t i = 0; i < count; ++i) forecaster.start(record(i), fixed == nullptr ? nullptr : fixed + i * columns);
  if (count == 1) forecaster.prepare(step_desk_, 1, 1, true);
  if (count == 1 && forecaster.may_refuse()) before_.resize(static_cast<size_t>(forecaster.kept_size(1)));
}

Block Streams::block(const int64_t *rows, int64_t count) {
  Block block;
  block.records = records_.data(), block.rows = rows, block.count = count;
  return block;
}

bool Streams::step(double value, double *quantiles) noexcept {
  if (count_ != 1 || std::isinf(value)) return false;
  const Turn turn(busy_);
  Block block = this->block(nullptr, 1);
  block.time = 1, block.values = &value, block.quantiles = quantiles;
  int64_t low, high;
  return forecaster_.check(block, low, high) == READ_OK && read_or_leave(block, &step_desk_, 1) == READ_OK;
}

int Streams::read_or_leave(const Block &block, Desk *desks, int threads) noexcept {
  const bool keeps = block.values != nullptr && forecaster_.may_refuse();
  if (keeps) forecaster_.keep(block, before_.data(), false);
  const int status = forecaster_.read(block, desks, threads);
  if (keeps && status != READ_OK) forecaster_.keep(block, before_.data(), true);
  return status;
}

int Streams::read(const Block &block, int threads, int64_t &low, int64_t &high) {
  const Turn turn(busy_);
  const int status = forecaster_.check(block, low, high);
  if (status != READ_OK) return status;
  std::vector<Desk> &desks = block.values == nullptr ? ahead_ : reading_;
  const int64_t groups = (block.count + Forecaster::kGroup - 1) / Forecaster::kGroup;
  const auto parts = static_cast<size_t>(std::min<int64_t>(std::max(threads, 1), groups));
  if (desks.size() < parts) desks.resize(parts);
  for (size_t i = 0; i < parts; ++i)
    forecaster_.prepare(desks[i], block.count, block.time, block.quantiles != nullptr);
  const auto kept = static_cast<size_t>(block.count * forecaster_.kept_size(block.time));
  if (block.values != nullptr && forecaster_.may_refuse() && before_.size() < kept) before_.resize(kept);
  return read_or_leave(block, desks.data(), static_cast<int>(parts));
}

void Streams::take(const Block &block, double *records) noexcept {
  const Turn turn(busy_);
  const int64_t words = forecaster_.record_size();
  for (int64_t i = 0; i < block.count; ++i, records += words)
    std::copy(record(block.row(i)), record(block.row(i)) + words, records);
}

bool Streams::put(const Block &block, const double *records) noexcept {
  const int64_t words = forecaster_.record_size();
  for (int64_t i = 0; i < block.count; ++i)
    if (!forecaster_.valid(records + i * words)) return false;
  const Turn turn(busy_);
  for (int64_t i = 0; i < block.count; ++i, records += words)
    std::copy(records, records + words, record(block.row(i)));
  return true;
}

}  // namespace ensue
