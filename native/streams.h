/* Streams of one forecaster side by side: their records, the desks they are read at, and the turns that threads take. */
#ifndef ENSUE_STREAMS_H
#define ENSUE_STREAMS_H

#include "forecaster.h"

#include <atomic>
#include <vector>

namespace ensue {

class Streams {
 public:
  /* `fixed`: static covariates, count x columns; unknown where NULL. The forecaster outlives the streams. */
  Streams(const Forecaster &forecaster, int64_t count, const double *fixed);

  const Forecaster &forecaster() const { return forecaster_; }
  int64_t count() const { return count_; }
  const double *records() const { return records_.data(); }
  /* The first `count` streams, or those that `rows` name. */
  Block block(const int64_t *rows, int64_t count);

  /* One step of the only stream; where more has to be looked at than that, false, and nothing has happened. Neither
   * allocates nor locks. */
  bool step(double value, double *quantiles) noexcept;
  /* READ_OK; or what is lacking or what a network answered, and nothing has happened. `low` and `high` as in
   * Forecaster::check. May allocate. */
  int read(const Block &block, int threads, int64_t &low, int64_t &high);
  /* Records out, and back in: false, and nothing has changed, where one cannot be a record. */
  void take(const Block &block, double *records) noexcept;
  bool put(const Block &block, const double *records) noexcept;

 private:
  /* Two threads may use one stream: they take turns. Alone, nobody waits. */
  class Turn {
   public:
    explicit Turn(std::atomic_flag &busy);
    ~Turn() { busy_.clear(std::memory_order_release); }

   private:
    std::atomic_flag &busy_;
  };

  int read_or_leave(const Block &block, Desk *desks, int threads) noexcept;
  double *record(int64_t i) { return records_.data() + i * forecaster_.record_size(); }

  const Forecaster &forecaster_;
  int64_t count_;
  std::vector<double> records_;
  Desk step_desk_;
  std::vector<Desk> reading_, ahead_; /* who reads and looks ahead in turn prepares neither twice */
  std::vector<double> before_;        /* what a block that is refused is put back to; without use where none can be */
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

}  // namespace ensue

#endif
