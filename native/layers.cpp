/* What all layers share: their memory, and the checks of what they are made from. */
#include "layers.h"

#include <cstring>
#include <new>

namespace ensue {

namespace {
constexpr int64_t kLargest = 1000000000; /* ensue.layers.LARGEST */
constexpr size_t kNumber = sizeof(float);
}  // namespace

size_t Layer::scratch_bytes(int64_t batch, int64_t time, Recording) const {
  const size_t a_row = static_cast<size_t>(held_per_row()), a_step = static_cast<size_t>(held_per_step());
  size_t steps, numbers, bytes;
  if (__builtin_mul_overflow(a_step, static_cast<size_t>(time), &steps) ||
      __builtin_add_overflow(steps, a_row, &numbers) ||
      __builtin_mul_overflow(numbers, static_cast<size_t>(batch) * kNumber, &bytes))
    return kTooLarge;
  return bytes;
}

const float *Layer::step(const float *x, float *y, const Passage &passage, int &status) const noexcept {
  status = forward({x, input_size, input_size}, {y, output_size, output_size}, passage);
  return y;
}

Aligned::Aligned(size_t bytes)
    : data_(::operator new(bytes == 0 ? 1 : bytes, std::align_val_t(ENSUE_ALIGNMENT))) {}

void Aligned::Free::operator()(void *data) const { ::operator delete(data, std::align_val_t(ENSUE_ALIGNMENT)); }

Matrix::Matrix(const ensue_kernels *kernels, int storage, int64_t n, int64_t k, const float *weight, const float *bias)
    : kernels_(kernels), storage_(storage), n_(n), k_(k), has_bias_(bias != nullptr),
      packed_(kernels->matrix_bytes(n, k, storage)), bias_(has_bias_ ? static_cast<size_t>(n) * kNumber : 0) {
  if (kernels->matrix_pack(weight, k, n, k, storage, packed_.get()) != ENSUE_OK)
    throw Refusal{"a matrix of " + std::to_string(n) + " x " + std::to_string(k) + " could not be packed"};
  if (has_bias_) std::memcpy(bias_.get(), bias, static_cast<size_t>(n) * kNumber);
}

std::vector<float> copied(const Weight &weight) { return {weight.data, weight.data + weight.count}; }

Taker::Taker(const Instruction &instruction, const ensue_kernels *kernels, int storage)
    : kernels(kernels), storage(storage), instruction_(instruction) {}

void Taker::refuse(const std::string &what) const { throw Refusal{instruction_.kind + ": " + what}; }

int64_t Taker::whole(const char *name, int64_t least, int64_t most) {
  if (!more_numbers()) refuse(std::string(name) + " is missing");
  const int64_t given = instruction_.numbers[number_++];
  if (given < least || given > most)
    refuse(std::string(name) + " is " + std::to_string(given) + ", expected " + std::to_string(least) + " to " +
           std::to_string(most));
  return given;
}

int64_t Taker::size(const char *name) { return whole(name, 1, kLargest); }

const Weight &Taker::weight(int64_t count) {
  if (!more_weights()) refuse("a weight of " + std::to_string(count) + " numbers is missing");
  const Weight &given = instruction_.weights[weight_++];
  if (given.count != count || (given.data == nullptr && count > 0))
    refuse("weight " + std::to_string(weight_) + " has " + std::to_string(given.count) + " numbers, expected " +
           std::to_string(count));
  return given;
}

Matrix Taker::matrix(int64_t n, int64_t k, bool bias) {
  const float *weights = weight(n * k).data; /* n and k are at most 10^9: no overflow */
  return {kernels, storage, n, k, weights, bias ? weight(n).data : nullptr};
}

void Taker::finish() const {
  if (more_numbers()) refuse(std::to_string(instruction_.numbers.size()) + " numbers are given, too many");
  if (more_weights()) refuse(std::to_string(instruction_.weights.size()) + " weights are given, too many");
}

}  // namespace ensue
