/* Networks to test with, made in C++: instructions with weights by chance. */
#ifndef ENSUE_TESTS_PROGRAMS_H
#define ENSUE_TESTS_PROGRAMS_H

#include "check.h"
#include "network.h"
#include "tables.h"

#include <deque>
#include <memory>

class Builder {
 public:
  /* `counts`: numbers in each weight. */
  Builder &add(const char *kind, std::vector<int64_t> numbers, const std::vector<int64_t> &counts = {}) {
    ensue::Instruction instruction = {kind, std::move(numbers), {}};
    for (const int64_t count : counts) {
      weights_.push_back(chance_.numbers<float>(count, 0.4));
      instruction.weights.push_back({weights_.back().data(), count});
    }
    program.push_back(std::move(instruction));
    return *this;
  }

  Builder &lstm(int64_t input, int64_t hidden, int64_t layers, int64_t directions, bool layer_norm, bool residual) {
    std::vector<int64_t> counts, numbers = {input, hidden, layers, directions, layer_norm, residual};
    for (int64_t layer = 0; layer < layers; ++layer, input = hidden * directions)
      for (int64_t direction = 0; direction < directions; ++direction) {
        counts.insert(counts.end(), {4 * hidden * input, 4 * hidden * hidden, 4 * hidden, 4 * hidden});
        if (layer_norm) counts.insert(counts.end(), {4 * hidden, 4 * hidden, hidden, hidden});
      }
    return add("lstm", std::move(numbers), counts);
  }

  ensue::Program program;

 private:
  Chance chance_{7};
  std::deque<std::vector<float>> weights_; /* where they are they stay */
};

/* Causal, with every layer that can be: two numbers and a category in, three quantiles out, two anchors. */
inline std::unique_ptr<Builder> causal_program() {
  auto made = std::make_unique<Builder>();
  made->add("embed_columns", {3, 2, 5, 4}, {5 * 4})
      .add("linear", {6, 13, 1, 3}, {13 * 6, 13})
      .add("residual", {})
      .add("rms_norm", {13}, {13})
      .lstm(13, 13, 1, 1, false, false)
      .add("end", {})
      .lstm(13, 20, 2, 1, false, true)
      .add("layer_norm", {20}, {20, 20})
      .add("residual", {})
      .add("gated_feed_forward", {20, 9}, {2 * 9 * 20, 20 * 9})
      .add("end", {})
      .add("convolution", {20, 17, 3, 1, 2, 1, 1, 2}, {17 * 20 * 3, 17})
      .lstm(17, 11, 1, 1, true, false)
      .add("quantile_head", {11, 3, 1, 2}, {(2 + 3) * 11, 2 + 3});
  return made;
}

/* Not causal: a category in, four classes out, one step for each row. */
inline std::unique_ptr<Builder> pooling_program() {
  auto made = std::make_unique<Builder>();
  made->add("embedding", {7, 9}, {7 * 9})
      .lstm(9, 12, 2, 2, false, true)
      .lstm(24, 5, 1, 2, true, false)
      .add("convolution", {10, 18, 3, 1, 3, 0, 0, 1}, {18 * 10 * 3})
      .add("attention_pooling", {18, 6}, {6 * 18, 6, 6})
      .add("softmax_head", {18, 4}, {4 * 18, 4});
  return made;
}

/* Every second and then every third step of the input is answered. */
inline std::unique_ptr<Builder> striding_program() {
  auto made = std::make_unique<Builder>();
  made->add("convolution", {2, 8, 4, 2, 1, 1, 1, 4}, {8 * 2 * 4, 8})
      .lstm(8, 6, 1, 1, false, false)
      .add("convolution", {6, 5, 5, 3, 1, 1, 0, 0}, {5 * 6 * 5});
  return made;
}

inline std::unique_ptr<ensue::Network> built(const ensue::Program &program, const ensue_kernels &kernels,
                                             int storage = ENSUE_FULL) {
  std::string error;
  std::unique_ptr<ensue::Network> network = ensue::Network::build(program, &kernels, storage, error);
  CHECK(network != nullptr, kernels.name, ": ", error);
  return network;
}

#endif
