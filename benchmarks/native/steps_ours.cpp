/* Ensue's step, through the core's table of kernels, as any C++ program would call it. */
#include "ensue_core.h"
#include "steps_shared.h"

#include <cstdlib>
#include <cstring>
#include <memory>

namespace {

struct Free {
  void operator()(void *start) const { std::free(start); }
};
using Aligned = std::unique_ptr<void, Free>;

Aligned aligned(size_t bytes) {
  const size_t whole = (bytes + ENSUE_ALIGNMENT) / ENSUE_ALIGNMENT * ENSUE_ALIGNMENT;
  Aligned start(std::aligned_alloc(ENSUE_ALIGNMENT, whole));
  std::memset(start.get(), 0, whole);
  return start;
}

class Cell {
 public:
  Cell(const ensue_kernels *kernels, int32_t storage, int64_t inputs, int64_t hidden, const float *weight_ih,
       const float *weight_hh, const float *bias)
      : input_size(inputs), kernels_(kernels), storage_(storage), hidden_(hidden),
        weights_(aligned(kernels->lstm_bytes(inputs, hidden, storage))),
        scratch_(aligned(kernels->lstm_step_bytes(inputs, hidden))),
        h_(aligned(static_cast<size_t>(hidden) * sizeof(float))), c_(aligned(static_cast<size_t>(hidden) * sizeof(float))) {
    kernels->lstm_pack(inputs, hidden, weight_ih, weight_hh, bias, storage, weights_.get());
  }

  void step(const float *x) {
    kernels_->lstm_step(weights_.get(), storage_, input_size, hidden_, x, h_.get(), c_.get(), scratch_.get());
  }
  void read(float *h) const { std::memcpy(h, h_.get(), static_cast<size_t>(hidden_) * sizeof(float)); }

  int64_t input_size;

 private:
  const ensue_kernels *kernels_;
  int32_t storage_;
  int64_t hidden_;
  Aligned weights_, scratch_, h_, c_;
};

}  // namespace

steps::Contender *steps_open(const char *how, int32_t storage, int64_t input_size, int64_t hidden_size,
                             const float *weight_ih, const float *weight_hh, const float *bias) {
  const ensue_kernels *kernels = ensue_find_kernels(how);
  if (kernels == nullptr || kernels->real_bytes != sizeof(float)) return nullptr;
  return new steps::Timed<Cell>(kernels, storage, input_size, hidden_size, weight_ih, weight_hh, bias);
}
