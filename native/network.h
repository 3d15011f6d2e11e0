/* A network description, executed: the layers of ensue.layers on the kernels of one instruction set.
 *
 * A Network is built once from a flat program, checked from end to end, and does not change afterwards, so any number of
 * threads may run it at once. `forward` neither allocates nor locks (with more than one thread it starts them): the caller
 * owns values, states and the workspace. runtime/numpy_engine.py is the contract: same call, same state, same numbers.
 *
 * Letters: batch, time, features.
 */
#ifndef ENSUE_NETWORK_H
#define ENSUE_NETWORK_H

#include "ensue_core.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ensue {

/* What `forward` may answer besides the numbers of ensue_status. */
constexpr int NETWORK_BAD_CODE = 16; /* a category code that no table has */
constexpr int NETWORK_BAD_CALL = 17; /* a batch, time or number of threads below 1, or too large; a NULL that must not be */

/* A parameter, row by row; read while the network is built and not looked at again. */
struct Weight {
  const float *data;
  int64_t count;
};

/* One layer, or the beginning or the end of a residual. What `numbers` holds for each kind stands at `instructions` in
 * layers.cpp; weights come in the order of Layer.parameters(). */
struct Instruction {
  std::string kind;
  std::vector<int64_t> numbers;
  std::vector<Weight> weights;
};
using Program = std::vector<Instruction>;

/* One array of the state: rows x batch x size, contiguous. */
struct StateShape {
  int64_t rows, size;
};

/* What an LSTM leaves of one of its layers and directions, in the caller's memory: one of the two, the other NULL. */
struct Record {
  float *trace; /* ENSUE_TRACED x batch x time x hidden: every gate; beyond a row's length nothing is written */
  double *sums; /* ENSUE_SUMS of `sums_stride`, each batch x hidden: moved on */
  int64_t sums_stride;
};
enum class Recording { none, trace, sums };

/* The first category code that no table has, as NumPy's minimum and maximum over its column say it. */
struct BadCode {
  float low, high;
  int64_t categories;
};

class Layer;

class Network {
 public:
  /* NULL, and why as a sentence, where the program cannot be right. `storage` is how matrices are kept. */
  static std::unique_ptr<Network> build(const Program &program, const ensue_kernels *kernels, int storage,
                                        std::string &error);
  ~Network();

  int64_t input_size = 0, output_size = 0, anchors = 0;
  int64_t silent_size = 0; /* of what comes back where outputs are not wanted: what a head would be given */
  bool causal = true;      /* whether no output depends on later input */
  bool embeds = false;     /* whether `forward` may answer NETWORK_BAD_CODE */
  std::vector<StateShape> states;
  std::vector<int64_t> recorded; /* hidden size of each layer and direction of an LSTM, in the order of the states */
  const ensue_kernels *kernels = nullptr;

  /* Steps that come out where `time` go in. */
  int64_t output_time(int64_t time, bool outputs) const;

  /* Steps that reach what is recorded as number `each`, where `time` go in. */
  int64_t recorded_time(size_t each, int64_t time) const;

  /* What `forward` needs, at a multiple of ENSUE_ALIGNMENT; SIZE_MAX where no machine has so much. */
  size_t workspace_bytes(int64_t batch, int64_t time, bool outputs, int threads = 1,
                         Recording recording = Recording::none) const noexcept;

  /* y (batch x output_time x output_size) from x (batch x time x input_size) and anchors (batch x time x anchors, NULL
   * where there are none), all contiguous; the states move on in place. `lengths` (batch, each 1 to time) or NULL: beyond
   * its length a row's state stands still and its outputs mean nothing. Without `outputs` a head at the end is left out
   * and y is what it would be given; y may be NULL where only the states are wanted. `records`, one for each of `recorded`,
   * all with a trace or all with sums, or NULL. Returns ENSUE_OK or what was wrong; states and records are then
   * undefined. */
  int forward(const float *x, const float *anchors, float *const *states, float *y, int64_t batch, int64_t time,
              const int64_t *lengths, bool outputs, void *workspace, int threads,
              const Record *records = nullptr) const noexcept;

  /* After NETWORK_BAD_CODE: which code. False where the codes were no part of x. */
  bool find_bad_code(const float *x, int64_t batch, int64_t time, const int64_t *lengths, BadCode &found) const noexcept;

  struct Op;
  struct Plan;
  struct Call;

 private:
  Network();
  void compile(const Program &program, int storage);
  size_t count(bool outputs) const;
  int parts(int64_t batch, int64_t time, int threads) const noexcept;
  Plan plan(int64_t batch, int64_t time, Recording recording) const noexcept;
  size_t scratch_bytes(const Plan &plan, int64_t time, Recording recording) const noexcept;
  int run_rows(const Call &call, int64_t first, int64_t after, char *workspace) const noexcept;
  int run_piece(const Call &call, int64_t row, int64_t rows, int64_t step, char *workspace) const noexcept;
  int run_step(const Call &call, char *workspace) const noexcept;

  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Op> ops_;
  std::vector<int64_t> buffers_; /* numbers that each holds for a row and step */
  int64_t stride_ = 1;
  bool pools_ = false;
  int64_t weights_ = 0;                     /* how many: the work of a step */
  int64_t held_per_row_ = 0, held_per_step_ = 0; /* numbers held while a piece is worked on */
  std::unique_ptr<Plan> step_;              /* one row, one step: worked out beforehand */
};

}  // namespace ensue

#endif
