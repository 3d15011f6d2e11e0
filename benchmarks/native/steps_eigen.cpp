/* The step as a C++ programmer writes it with Eigen, in the manner of RTNeural: sizes known to the compiler, one matrix
 * [W U b] times [x; h; 1], and Eigen's own tanh and exp over whole vectors. Nothing of it is Ensue's. */
#include "steps_shared.h"

#include <Eigen/Core>
#include <cstring>

namespace {

template <int INPUT, int HIDDEN>
class Cell {
 public:
  EIGEN_MAKE_ALIGNED_OPERATOR_NEW

  /* Rows in the order i, f, o, g: what is squashed by the same function lies side by side. */
  Cell(const float *weight_ih, const float *weight_hh, const float *bias) {
    const int order[] = {0, 1, 3, 2};
    for (int gate = 0; gate < 4; ++gate)
      for (int unit = 0; unit < HIDDEN; ++unit) {
        const int from = order[gate] * HIDDEN + unit, to = gate * HIDDEN + unit;
        for (int k = 0; k < INPUT; ++k) weights_(to, k) = weight_ih[from * INPUT + k];
        for (int k = 0; k < HIDDEN; ++k) weights_(to, INPUT + k) = weight_hh[from * HIDDEN + k];
        weights_(to, INPUT + HIDDEN) = bias[from];
      }
    read_.setZero();
    read_(INPUT + HIDDEN) = 1.0f;
    c_.setZero();
  }

  void step(const float *x) {
    read_.template head<INPUT>() = Eigen::Map<const Eigen::Matrix<float, INPUT, 1>>(x);
    gates_.noalias() = weights_ * read_;
    auto open = gates_.template head<3 * HIDDEN>().array(); /* i, f, o */
    open = 1.0f / (1.0f + (-open).exp());
    auto fresh = gates_.template tail<HIDDEN>().array(); /* g */
    fresh = fresh.tanh();
    auto c = c_.array();
    c = open.template segment<HIDDEN>(HIDDEN) * c + open.template head<HIDDEN>() * fresh;
    read_.template segment<HIDDEN>(INPUT).array() = open.template tail<HIDDEN>() * c.tanh();
  }

  void read(float *h) const { std::memcpy(h, read_.data() + INPUT, HIDDEN * sizeof(float)); }

  static constexpr int64_t input_size = INPUT;

 private:
  Eigen::Matrix<float, 4 * HIDDEN, INPUT + HIDDEN + 1> weights_;
  Eigen::Matrix<float, INPUT + HIDDEN + 1, 1> read_; /* x; h; 1 */
  Eigen::Matrix<float, 4 * HIDDEN, 1> gates_;
  Eigen::Matrix<float, HIDDEN, 1> c_;
};

template <int HIDDEN>
steps::Contender *open(int64_t input_size, const float *weight_ih, const float *weight_hh, const float *bias) {
  if (input_size == 1) return new steps::Timed<Cell<1, HIDDEN>>(weight_ih, weight_hh, bias);
  if (input_size == HIDDEN) return new steps::Timed<Cell<HIDDEN, HIDDEN>>(weight_ih, weight_hh, bias);
  return nullptr;
}

}  // namespace

STEPS_EXPORT const char *steps_release() { return EIGEN_RELEASE; }

steps::Contender *steps_open(const char *, int32_t, int64_t input_size, int64_t hidden_size, const float *weight_ih,
                             const float *weight_hh, const float *bias) {
  switch (hidden_size) {
    case 16: return open<16>(input_size, weight_ih, weight_hh, bias);
    case 32: return open<32>(input_size, weight_ih, weight_hh, bias);
    case 64: return open<64>(input_size, weight_ih, weight_hh, bias);
    case 128: return open<128>(input_size, weight_ih, weight_hh, bias);
    case 256: return open<256>(input_size, weight_ih, weight_hh, bias);
    case 512: return open<512>(input_size, weight_ih, weight_hh, bias);
    default: return nullptr;
  }
}
