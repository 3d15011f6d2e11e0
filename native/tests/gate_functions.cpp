/* How right tanh and sigmoid are, for each table of kernels in single precision, against the C library in double precision.
 *
 * `gate_functions` looks at every 4099th float, at all around the edge from where tanh is 1, and at the smallest;
 * `gate_functions --all` at all 2^32, in some minutes, and its lines are the ones that the documentation states. Either way
 * what is found must keep to the limits below.
 */
#include "tables.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

namespace {

struct Limits {
  double ulp, absolute;
};
constexpr Limits TANH = {6, 3.5e-7}, SIGMOID = {3.5, 2.1e-7};
constexpr float SIGMOID_FROM = 0; /* below, 1/2 + tanh(x / 2) / 2 is right absolutely, and less and less so relatively */

constexpr uint32_t STRIDE = 4099; /* a prime: every exponent and every pattern of the lower bits comes up */
constexpr uint32_t SMALLEST = 100000;

uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/* The distance from a float of this size to the next. */
double spacing(double value) {
  int exponent;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent - FLT_MANT_DIG, FLT_MIN_EXP - FLT_MANT_DIG));
}

double exact_tanh(double x) { return std::fabs(x) < 1e-4 ? x - x * x * x / 3 : std::tanh(x); }
double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Function {
  const char *name;
  void (*ensue_kernels::*kernel)(int64_t, const void *, void *);
  double (*exact)(double);
  double lowest;
  float ulp_from;
  float around_edge[2]; /* where it becomes 1: every float */
  Limits limits;
};
constexpr Function FUNCTIONS[] = {
    {"tanh", &ensue_kernels::tanh, exact_tanh, -1, -INFINITY, {7.9f, 9.3f}, TANH},
    {"sigmoid", &ensue_kernels::sigmoid, exact_sigmoid, 0, SIGMOID_FROM, {15.8f, 18.6f}, SIGMOID},
};

/* The worst of one function in one table. */
struct Worst {
  const ensue_kernels *kernels;
  const Function *function;
  double ulp = 0, absolute = 0, back = 0;
  float at_ulp = 0, at_absolute = 0, edge = INFINITY;
  long looked_at = 0, outside = 0, not_odd = 0, wrong_nan = 0;
  float before = 0, x_before = 0; /* the function and where, at the last float looked at */

  void look(float x, float found, double exact) {
    ++looked_at;
    if (!(found >= function->lowest && found <= 1)) ++outside;
    const double distance = std::fabs(static_cast<double>(found) - exact);
    if (distance > absolute) absolute = distance, at_absolute = x;
    if (x >= function->ulp_from && distance > ulp * spacing(exact)) ulp = distance / spacing(exact), at_ulp = x;
    if (looked_at > 1 && (x > x_before) == (found < before) && x != x_before)
      back = std::fmax(back, std::fabs(found - before));
    if (found != 1 && x > 0) edge = INFINITY;
    if (found == 1 && edge == INFINITY) edge = x;
    before = found;
    x_before = x;
  }

  bool holds() const {
    return looked_at > 0 && outside == 0 && not_odd == 0 && wrong_nan == 0 && ulp <= function->limits.ulp &&
           absolute <= function->limits.absolute;
  }

  void print() const {
    std::printf("%s %-8s %-7s %10ld floats: %.3f ulp at %.9g", holds() ? "ok    " : "FAILED", kernels->name, function->name,
                looked_at, ulp, static_cast<double>(at_ulp));
    if (std::isfinite(function->ulp_from)) std::printf(" (x >= %g)", static_cast<double>(function->ulp_from));
    std::printf(
        ", %.4g absolute at %.9g; 1 from %.9g on; goes back by %.3g at most; %ld outside, %ld not odd, %ld not NaN\n",
        absolute, static_cast<double>(at_absolute), static_cast<double>(edge), back, outside, not_odd, wrong_nan);
    std::fflush(stdout);
  }
};

/* Some floats of one sign, by rising bits, through one function in all tables. */
class Pass {
 public:
  Pass(const Function &function, std::vector<Worst> &worst) : function_(function), worst_(worst) {}

  void add(uint32_t bits) {
    x_[count_] = float_of(bits);
    if (++count_ == ROOM) flush();
  }

  void flush() {
    for (int each = 0; each < count_; ++each) exact_[each] = function_.exact(static_cast<double>(x_[each]));
    for (Worst &worst : worst_) {
      if (worst.function != &function_) continue;
      (worst.kernels->*function_.kernel)(count_, x_, found_);
      for (int each = 0; each < count_; ++each) {
        if (std::isnan(x_[each]))
          worst.wrong_nan += !std::isnan(found_[each]);
        else
          worst.look(x_[each], found_[each], exact_[each]);
      }
      if (function_.lowest == -1) check_odd(worst);
    }
    count_ = 0;
  }

 private:
  void check_odd(Worst &worst) {
    for (int each = 0; each < count_; ++each) x_[each] = -x_[each];
    (worst.kernels->*function_.kernel)(count_, x_, turned_);
    for (int each = 0; each < count_; ++each) {
      worst.not_odd += !std::isnan(x_[each]) && bits_of(turned_[each]) != bits_of(-found_[each]);
      worst.wrong_nan += std::isnan(x_[each]) && !std::isnan(turned_[each]);
      x_[each] = -x_[each];
    }
  }

  static constexpr int ROOM = 1 << 14;
  const Function &function_;
  std::vector<Worst> &worst_;
  int count_ = 0;
  float x_[ROOM], found_[ROOM], turned_[ROOM];
  double exact_[ROOM];
};

/* Positive floats, infinity and NaN; with `sign` the negative ones. tanh is odd, so that the positive half is enough. */
void run(const Function &function, bool all, uint32_t sign, std::vector<Worst> &worst) {
  const auto pass = std::make_unique<Pass>(function, worst);
  if (all) {
    for (uint32_t bits = 0; bits < 0x80000000u; ++bits) pass->add(bits | sign);
  } else {
    for (uint32_t bits = 0; bits < SMALLEST; ++bits) pass->add(bits | sign);
    for (uint32_t bits = SMALLEST; bits < 0x7f800000u; bits += STRIDE) pass->add(bits | sign);
    for (uint32_t bits = 0x7f800000u; bits < 0x80000000u; bits += STRIDE) pass->add(bits | sign); /* infinity; NaN */
    for (uint32_t bits = bits_of(function.around_edge[0]); bits < bits_of(function.around_edge[1]); ++bits)
      pass->add(bits | sign);
  }
  pass->flush();
}

}  // namespace

int main(int count, char **arguments) {
  const bool all = count > 1 && std::strcmp(arguments[1], "--all") == 0;
  std::vector<Worst> worst;
  for (const Function &function : FUNCTIONS)
    each_float_table([&](const ensue_kernels &kernels) {
      worst.emplace_back();
      worst.back().kernels = &kernels;
      worst.back().function = &function;
    });
  for (const Function &function : FUNCTIONS) {
    run(function, all, 0, worst);
    if (function.lowest == 0) run(function, all, 0x80000000u, worst);
  }
  int failed = 0;
  for (const Worst &each : worst) {
    each.print();
    failed += !each.holds();
  }
  std::printf("%d passed, %d failed\n", static_cast<int>(worst.size()) - failed, failed);
  return failed == 0 && !worst.empty() ? 0 : 1;
}
