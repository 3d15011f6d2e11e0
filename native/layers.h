/* What the layers of a network have in common; each kind has its class in one of layers_*.cpp.
 *
 * Values pass from layer to layer by views: a row and step of the batch is `size` numbers in one piece, wherever it stands.
 * Between layers they stand step by step (time x batch x size), so that a step of an LSTM reads one block of memory.
 */
#ifndef ENSUE_LAYERS_H
#define ENSUE_LAYERS_H

#include "network.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ensue {

constexpr float kEpsilon = 1e-5f; /* added to the variance in every normalisation, as ensue.layers has it */

template <typename Number>
struct Values {
  Number *data;
  int64_t batch_stride, time_stride; /* in numbers */
  Number *at(int64_t row, int64_t step) const { return data + row * batch_stride + step * time_stride; }
};
using In = Values<const float>;
using Out = Values<float>;

/* What accompanies the values of one piece: some rows of the batch, some steps of the sequence. */
struct Passage {
  int64_t batch, time;      /* of what the layer is given */
  int64_t *lengths;         /* steps of each row that lie in this piece, from 0 to time; NULL where all do */
  float *const *states;     /* of the whole call */
  int64_t all_rows, row;    /* rows in each state array, and the first of this piece */
  In anchors;               /* of this piece's outputs */
  char *scratch;            /* of scratch_bytes */
  const Record *records;    /* of the whole call, one for each of Network::recorded; NULL: none are wanted */
  int64_t all_time, step;   /* steps that the layer is given in the whole call, and the first of this piece */

  /* Row `place` of a state array, from this piece's first row of the batch on. */
  float *state(int64_t index, int64_t place, int64_t size) const {
    return states[index] + (place * all_rows + row) * size;
  }
};

constexpr size_t kTooLarge = SIZE_MAX;

/* kTooLarge stays what it is. */
inline size_t align_up(size_t bytes) {
  return bytes > kTooLarge - ENSUE_ALIGNMENT ? kTooLarge : (bytes + ENSUE_ALIGNMENT - 1) / ENSUE_ALIGNMENT * ENSUE_ALIGNMENT;
}

class Layer {
 public:
  Layer(int64_t input_size, int64_t output_size) : input_size(input_size), output_size(output_size) {}
  virtual ~Layer() = default;

  const int64_t input_size, output_size;

  virtual int64_t stride() const { return 1; }
  virtual bool pools() const { return false; }
  virtual bool causal() const { return true; }
  virtual bool is_head() const { return false; }
  virtual size_t records() const { return 0; } /* how many of Network::recorded are its own */
  virtual bool in_place() const { return false; } /* whether y may be x */
  virtual int64_t held_per_row() const { return 0; } /* numbers in scratch for each row, whatever the time */
  virtual int64_t held_per_step() const { return 0; } /* numbers in scratch for each row and step */
  virtual size_t scratch_bytes(int64_t batch, int64_t time, Recording recording) const;

  virtual int forward(const In &x, const Out &y, const Passage &passage) const noexcept = 0;

  /* One row, one step; returns where the output is: `y`, or a part of the state. */
  virtual const float *step(const float *x, float *y, const Passage &passage, int &status) const noexcept;

  /* The categories and columns that codes are taken from: `column` of x must be 0 to categories - 1. */
  struct Codes {
    int64_t column, categories;
  };
  virtual std::vector<Codes> codes() const { return {}; }
};

/* Memory at a multiple of ENSUE_ALIGNMENT. Throws std::bad_alloc. */
class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(size_t bytes);
  void *get() const { return data_.get(); }
  float *floats() const { return static_cast<float *>(data_.get()); }

 private:
  struct Free {
    void operator()(void *data) const;
  };
  std::unique_ptr<void, Free> data_;
};

/* A weight matrix as the kernels keep it, and its bias where it has one. */
class Matrix {
 public:
  Matrix(const ensue_kernels *kernels, int storage, int64_t n, int64_t k, const float *weight, const float *bias);
  void times(const float *x, int64_t x_stride, int64_t rows, float *y, int64_t y_stride, bool add = false) const {
    kernels_->matrix_times(packed_.get(), n_, k_, storage_, x, x_stride, rows, has_bias_ ? bias_.get() : nullptr, y,
                           y_stride, add);
  }

 private:
  const ensue_kernels *kernels_;
  int32_t storage_;
  int64_t n_, k_;
  bool has_bias_;
  Aligned packed_, bias_;
};

std::vector<float> copied(const Weight &weight);

enum class Activation { none, relu, gelu, silu, tanh };
/* Of `rows` times `size` numbers, in place. */
void activate(const ensue_kernels &kernels, Activation activation, float *y, int64_t y_stride, int64_t rows, int64_t size);

/* Mean 0 and variance 1 over `size` numbers; y may be x. */
void normalise(const float *x, float *y, int64_t size);
float root_mean_square(const float *x, int64_t size);

/* Calls f(rows, x, x_stride, y, y_stride) for runs of rows and steps as long as the strides allow. */
template <typename Function>
void over_rows(const Passage &p, const In &x, const Out &y, Function f) {
  if (p.time == 1) {
    f(p.batch, x.data, x.batch_stride, y.data, y.batch_stride);
  } else if (p.batch == 1) {
    f(p.time, x.data, x.time_stride, y.data, y.time_stride);
  } else if (x.time_stride == p.batch * x.batch_stride && y.time_stride == p.batch * y.batch_stride) {
    f(p.batch * p.time, x.data, x.batch_stride, y.data, y.batch_stride);
  } else if (x.batch_stride == p.time * x.time_stride && y.batch_stride == p.time * y.time_stride) {
    f(p.batch * p.time, x.data, x.time_stride, y.data, y.time_stride);
  } else if (p.time > p.batch) {
    for (int64_t b = 0; b < p.batch; ++b) f(p.time, x.at(b, 0), x.time_stride, y.at(b, 0), y.time_stride);
  } else {
    for (int64_t t = 0; t < p.time; ++t) f(p.batch, x.at(0, t), x.batch_stride, y.at(0, t), y.batch_stride);
  }
}

/* Calls f(x, y) for each row and step. */
template <typename Function>
void over_each(const Passage &p, const In &x, const Out &y, Function f) {
  for (int64_t t = 0; t < p.time; ++t)
    for (int64_t b = 0; b < p.batch; ++b) f(x.at(b, t), y.at(b, t));
}

/* Thrown while a network is built, caught in Network::build. */
struct Refusal {
  std::string why;
};

/* The numbers and weights of an instruction, each checked as it is taken. */
class Taker {
 public:
  Taker(const Instruction &instruction, const ensue_kernels *kernels, int storage);
  int64_t whole(const char *name, int64_t least, int64_t most);
  int64_t size(const char *name);
  bool flag(const char *name) { return whole(name, 0, 1) != 0; }
  const Weight &weight(int64_t count);
  bool more_numbers() const { return number_ < instruction_.numbers.size(); }
  bool more_weights() const { return weight_ < instruction_.weights.size(); }
  void finish() const;
  Matrix matrix(int64_t n, int64_t k, bool bias);
  [[noreturn]] void refuse(const std::string &what) const;

  const ensue_kernels *const kernels;
  const int storage;

 private:
  const Instruction &instruction_;
  size_t number_ = 0, weight_ = 0;
};

using Layers = std::vector<std::unique_ptr<Layer>>;

/* Layers made from one instruction, appended. An LSTM makes one for each of its
 * layers and adds its two arrays to `states`, a convolution its one; and an LSTM adds the size of each layer and direction to
 * `recorded`. False where the kind is not one of theirs. */
bool make_pointwise(Taker &take, const std::string &kind, Layers &layers);
bool make_lstm(Taker &take, const std::string &kind, std::vector<StateShape> &states, std::vector<int64_t> &recorded,
               Layers &layers);
bool make_over_time(Taker &take, const std::string &kind, std::vector<StateShape> &states, Layers &layers);
bool make_head(Taker &take, const std::string &kind, int64_t &anchors, Layers &layers);

}  // namespace ensue

#endif
