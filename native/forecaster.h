/* A whole forecaster a step at a time: front end, calendar and covariates, networks, and what their answers mean.
 *
 * It is built once and does not change, so that any number of threads may read with it. All that a stream carries is one
 * record of 8-byte words, the caller's own and free to be copied:
 *
 *   steps, stamp of the last step, whether there is one  | int64
 *   the front end's memory, that of trends at its end    | double
 *   past covariates of the last step, static covariates  | double, NaN where unknown
 *   the networks' states, one after the other            | float, as rows x size each, an even number of them
 *   ---- so far the head, which looking ahead copies ----
 *   the phases of the seasons                            | double
 *
 * A call neither allocates nor locks: it works at desks that were prepared for its size. Letters: streams (batch), time.
 */
#ifndef ENSUE_FORECASTER_H
#define ENSUE_FORECASTER_H

#include "calendar.h"
#include "frontend.h"
#include "network.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ensue {

struct Clock {
  int64_t steps, last, known;
};

struct Covariate {
  enum class Source : int32_t { Future, Past, Static };
  Source source;
  int64_t column;
  bool is_category;
  double mean, spread; /* of a number over the training rows */
};

struct ForecasterPlan {
  FrontEnd front_end;
  Calendar calendar;
  bool has_stamps, is_regular;
  int64_t future, past, fixed;      /* columns of covariates; fixed are the static ones */
  std::vector<Covariate> covariates; /* in the order the network sees them: numbers, then categories */
  std::vector<double> widths;       /* factor for each quantile level */
  int64_t median;
  bool nonnegative;
};

/* One stream after the other, `stride` numbers apart; 0: the same for all; without data: not given. */
template <typename Number>
struct Beside {
  const Number *data = nullptr;
  int64_t stride = 0;
  const Number *of(int64_t stream) const { return data == nullptr ? nullptr : data + stream * stride; }
};

/* Steps of some streams to be read. */
struct Block {
  double *records = nullptr;
  const int64_t *rows = nullptr;   /* which records, none twice; NULL: the first `count` */
  int64_t count = 0, time = 0;
  const double *values = nullptr;  /* count x time, NaN where missing; NULL: look ahead, and leave the records alone */
  Beside<int64_t> stamps;          /* time each; not given: the usual spacing on */
  Beside<double> deltas;           /* time each: steps since the step before; not given: 1 */
  Beside<double> past, future;     /* time x columns each; not given: unknown */
  double *quantiles = nullptr;     /* count x time x levels; NULL: not wanted. Of values NaN until enough were seen */

  int64_t row(int64_t i) const { return rows == nullptr ? i : rows[i]; }
};

enum ReadStatus {
  READ_OK = 0,
  READ_NO_CLOCK = 100, /* a stamp is wanted: of a first step for the calendar, of every value where time is irregular */
  READ_NO_TABLES = 101 /* the calendar's tables do not reach the block's stamps */
};

/* Where a group of streams is read: memory for one thread, grown by `prepare` alone. */
class Desk {
 public:
  friend class Forecaster;

 private:
  struct Seat {
    double *head, *phases;
    int64_t before; /* stamp of the step before the block */
    bool clocked;
  };
  struct Free {
    void operator()(void *memory) const;
  };
  int64_t streams = 0, steps = 0;
  bool outputs = false;
  std::unique_ptr<char, Free> memory;
  size_t size = 0;
  Seat *seats = nullptr;
  double *heads = nullptr, *seen = nullptr, *totals = nullptr;
  Unit *units = nullptr;
  float *x = nullptr, *anchors = nullptr, *y = nullptr, *states = nullptr;
  float **pointers = nullptr;
  void *workspace = nullptr;
};

class Forecaster {
 public:
  static constexpr int64_t kGroup = 64; /* streams read side by side */

  /* NULL, and why as a sentence, where plan and networks do not fit together. The networks outlive the forecaster. */
  static std::unique_ptr<Forecaster> build(ForecasterPlan plan, std::vector<const Network *> networks,
                                           std::string &error);

  const ForecasterPlan &plan() const { return plan_; }
  int64_t levels() const { return static_cast<int64_t>(plan_.widths.size()); }
  int64_t record_size() const { return head_size_ + plan_.front_end.phase_size(); } /* words */
  int64_t head_size() const { return head_size_; }

  /* A record before anything was read; static covariates unknown where NULL. */
  void start(double *record, const double *fixed) const noexcept;
  /* Whether a record from outside can be read without harm. */
  bool valid(const double *record) const noexcept;
  static const Clock &clock(const double *record) { return *reinterpret_cast<const Clock *>(record); }

  /* Later tables replace earlier ones; calls that run go on with those they began with. As nobody knows when those end,
   * all earlier ones are kept as long as the forecaster: whoever calls has to reach far enough that it stays seldom. The
   * Python side asks for five years more every time, so a century leaves twenty tables behind, and all the years that
   * dates are written in less than two thousand. */
  void set_tables(CalendarTables tables);

  /* Whether the block can be read: READ_OK, or what is lacking, and for tables from where to where. */
  int check(const Block &block, int64_t &low, int64_t &high) const noexcept;
  /* Room for calls of this size, or for smaller ones that were prepared before. May throw std::bad_alloc. */
  void prepare(Desk &desk, int64_t streams, int64_t time, bool outputs) const;
  /* Whether a network may answer anything but READ_OK to a block that `check` found right. */
  bool may_refuse() const noexcept;
  /* What reading a block changes of its streams, copied to count x kept_size words, or back from there. */
  int64_t kept_size(int64_t time) const noexcept { return head_size_ + plan_.front_end.kept_size(time); }
  void keep(const Block &block, double *kept, bool back) const noexcept;
  /* Reads a block that `check` found right, at `threads` prepared desks: READ_OK or what a network answered; then some
   * streams have moved and some have not. */
  int read(const Block &block, Desk *desks, int threads) const noexcept;

 private:
  static constexpr int64_t kMemory = 3; /* word at which the front end's memory begins */

  explicit Forecaster(ForecasterPlan plan, std::vector<const Network *> networks);
  int64_t piece(int64_t streams, int64_t time) const;
  int64_t stamp(const Block &block, int64_t stream, const Desk::Seat &seat, int64_t step) const noexcept;
  int read_group(const Block &block, int64_t first, int64_t count, Desk &desk) const noexcept;
  void sit_down(const Block &block, int64_t first, int64_t count, Desk &desk) const noexcept;
  void see(const Block &block, int64_t first, int64_t count, int64_t begin, int64_t steps, Desk &desk) const noexcept;
  void see_covariates(const Block &block, int64_t stream, int64_t step, const double *head, float *x) const noexcept;
  int think(int64_t count, int64_t steps, bool outputs, Desk &desk) const noexcept;
  void answer(const double *totals, const Unit &unit, double *quantiles) const noexcept;
  void move_states(int64_t count, bool back, Desk &desk) const noexcept;

  ForecasterPlan plan_;
  std::vector<const Network *> networks_;
  int64_t input_size_ = 0, past_at_ = 0, fixed_at_ = 0, states_at_ = 0, head_size_ = 0; /* words */
  int64_t state_floats_ = 0, state_arrays_ = 0;
  std::atomic<const CalendarTables *> tables_;
  std::vector<std::unique_ptr<const CalendarTables>> all_tables_; /* a call may still look at an earlier one */
  std::mutex tables_lock_;
};

}  // namespace ensue

#endif
