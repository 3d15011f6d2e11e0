// The kernels of one instruction set; compiled once for each. ENSUE_ISA_NAME names it.
#include "ensue_core.h"

#include "lstm_backward.h"
#include "lstm_forward.h"
#include "lstm_sequence.h"
#include "matrix.h"

namespace {

size_t lstm_bytes(int64_t input_size, int64_t hidden_size, int32_t storage) {
  const Shape shape = {input_size, hidden_size};
  if (shape.below_one()) return 0;
  return shape.fits() ? Packed::bytes(shape, storage) : NO_SIZE;
}

void tanh_each(int64_t count, const void *x, void *y) {
  const real *from = static_cast<const real *>(x);
  real *to = static_cast<real *>(y);
  for (int64_t each = 0; each < count; each += V) store_part(to + each, tanh_of(load_part(from + each, count - each)), count - each);
}

void sigmoid_each(int64_t count, const void *x, void *y) {
  const real *from = static_cast<const real *>(x);
  real *to = static_cast<real *>(y);
  for (int64_t each = 0; each < count; each += V)
    store_part(to + each, sigmoid_of_twice(load_part(from + each, count - each) * real(0.5)), count - each);
}

}  // namespace

#define ENSUE_TEXT_OF(name) #name
#define ENSUE_TEXT(name) ENSUE_TEXT_OF(name)
#define ENSUE_JOINED_OF(a, b) a##b
#define ENSUE_JOINED(a, b) ENSUE_JOINED_OF(a, b)

extern "C" {
extern const ensue_kernels ENSUE_JOINED(ensue_kernels_, ENSUE_ISA_NAME);
const ensue_kernels ENSUE_JOINED(ensue_kernels_, ENSUE_ISA_NAME) = {
    ENSUE_TEXT(ENSUE_ISA_NAME),
    V,
    static_cast<int32_t>(sizeof(real)),
    matrix_bytes,
    matrix_pack,
    matrix_times,
    lstm_bytes,
    lstm_pack,
    lstm_workspace_bytes,
    lstm_reserve_bytes,
    lstm_forward,
    lstm_step_bytes,
    lstm_step,
    lstm_back_bytes,
    lstm_pack_back,
    lstm_gradient_workspace_bytes,
    lstm_backward,
    tanh_each,
    sigmoid_each,
};
}
