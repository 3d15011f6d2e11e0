/* An LSTM cell fed a step at a time, and the clock around it: the same loop for every contender, compiled with its cell.
 *
 * A contender's library exports the functions at the end; `building.py` calls them, so that contenders in C++ and in
 * Python take turns in one process.
 */
#ifndef ENSUE_BENCHMARK_STEPS_H
#define ENSUE_BENCHMARK_STEPS_H

#include <chrono>
#include <cstdint>

namespace steps {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

/* A cell with its state, whatever its type. */
class Contender {
 public:
  virtual ~Contender() = default;
  /* Reads `count` steps, the `rows` of x over and over: the seconds they took. */
  virtual double run(const float *x, int64_t rows, int64_t count) = 0;
  /* The same with the clock read around every step. */
  virtual void run_each(const float *x, int64_t rows, int64_t count, double *seconds) = 0;
  virtual void hidden(float *h) const = 0;
};

/* Cell: step(const float *x), read(float *h), input_size. */
template <typename Cell>
class Timed : public Contender {
 public:
  template <typename... Given>
  explicit Timed(const Given &...given) : cell_(given...) {}

  double run(const float *x, int64_t rows, int64_t count) override {
    const float *row = x, *const end = x + rows * cell_.input_size;
    const Clock::time_point began = Clock::now();
    for (int64_t t = 0; t < count; ++t) {
      cell_.step(row);
      row += cell_.input_size;
      if (row == end) row = x;
    }
    return seconds_since(began);
  }

  void run_each(const float *x, int64_t rows, int64_t count, double *seconds) override {
    const float *row = x, *const end = x + rows * cell_.input_size;
    for (int64_t t = 0; t < count; ++t) {
      const Clock::time_point began = Clock::now();
      cell_.step(row);
      seconds[t] = seconds_since(began);
      row += cell_.input_size;
      if (row == end) row = x;
    }
  }

  void hidden(float *h) const override { cell_.read(h); }

 private:
  Cell cell_;
};

}  // namespace steps

#define STEPS_EXPORT extern "C" __attribute__((visibility("default")))

/* `how`: the instruction set for Ensue; `storage` as in ensue_core.h. Weights in PyTorch's shapes and order of gates, bias the
 * sum of the two. NULL where there is no such cell. */
STEPS_EXPORT steps::Contender *steps_open(const char *how, int32_t storage, int64_t input_size, int64_t hidden_size,
                                          const float *weight_ih, const float *weight_hh, const float *bias);
STEPS_EXPORT void steps_close(steps::Contender *cell);
STEPS_EXPORT double steps_run(steps::Contender *cell, const float *x, int64_t rows, int64_t count);
STEPS_EXPORT void steps_run_each(steps::Contender *cell, const float *x, int64_t rows, int64_t count, double *seconds);
STEPS_EXPORT void steps_hidden(const steps::Contender *cell, float *h);
STEPS_EXPORT void steps_run_nothing(int64_t count, double *seconds);

#endif
