/* What every contender's library exports beside its own `steps_open`; included once in each. */
#include "steps.h"

void steps_close(steps::Contender *cell) { delete cell; }
double steps_run(steps::Contender *cell, const float *x, int64_t rows, int64_t count) { return cell->run(x, rows, count); }
void steps_run_each(steps::Contender *cell, const float *x, int64_t rows, int64_t count, double *seconds) {
  cell->run_each(x, rows, count, seconds);
}
void steps_hidden(const steps::Contender *cell, float *h) { cell->hidden(h); }

/* What the clock shows when nothing lies between two looks at it. */
void steps_run_nothing(int64_t count, double *seconds) {
  for (int64_t t = 0; t < count; ++t) {
    const steps::Clock::time_point began = steps::Clock::now();
    seconds[t] = steps::seconds_since(began);
  }
}
