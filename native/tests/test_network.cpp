/* Networks on the kernels: what one call gives in every other way of making it, and what many threads get from one network.
 * That the numbers are right is for the tests in Python to say, which hold them against the NumPy engine. */
#include "allocations.h"
#include "guarded.h"
#include "programs.h"

#include <algorithm>
#include <thread>

namespace {

using ensue::Network;

/* One or more calls, one after the other, for some rows of a batch; every buffer of exactly its size. */
class Session {
 public:
  Session(const Network &network, int64_t batch) : network_(network), batch_(batch) {
    for (const ensue::StateShape &shape : network.states) {
      states_.emplace_back(static_cast<size_t>(shape.rows * batch * shape.size));
      states_.back().fill(0);
    }
    for (const Numbers<float> &each : states_) pointers_.push_back(each.data());
  }

  /* x and anchors are batch x time x numbers; returns y the same way. */
  std::vector<float> call(const std::vector<float> &x, const std::vector<float> &anchors, int64_t time,
                          const std::vector<int64_t> &lengths = {}, int threads = 1, int expected = ENSUE_OK) {
    const int64_t steps = network_.output_time(time, true);
    const Numbers<float> given(x), beside(anchors), y(static_cast<size_t>(batch_ * steps * network_.output_size));
    const Guarded workspace(network_.workspace_bytes(batch_, time, true, threads));
    const long before = allocations();
    const unsigned mode = processor_mode();
    const int status =
        network_.forward(given.data(), network_.anchors > 0 ? beside.data() : nullptr, pointers_.data(), y.data(), batch_,
                         time, lengths.empty() ? nullptr : lengths.data(), true, workspace.start(), threads);
    if (alone)
      CHECK(threads > 1 || allocations() == before, network_.kernels->name, ": ", allocations() - before, " allocations");
    CHECK(processor_mode() == mode, network_.kernels->name, ": the processor's mode has changed");
    CHECK(status == expected, network_.kernels->name, " says ", status, " and not ", expected);
    y.check("y");
    workspace.check("workspace");
    for (const Numbers<float> &each : states_) each.check("state");
    return y.copy();
  }

  std::vector<float> state() const {
    std::vector<float> all;
    for (const Numbers<float> &each : states_) all.insert(all.end(), each.data(), each.data() + each.size());
    return all;
  }

  bool alone = true; /* no other thread allocates meanwhile */

 private:
  const Network &network_;
  const int64_t batch_;
  std::vector<Numbers<float>> states_;
  std::vector<float *> pointers_;
};

/* batch x time x numbers, those of every category a code. */
struct Input {
  std::vector<float> x, anchors;

  Input(const Network &network, int64_t batch, int64_t time, int64_t categories) {
    Chance chance(3);
    x = chance.numbers<float>(batch * time * network.input_size, 1.5);
    anchors = chance.numbers<float>(batch * time * network.anchors, 1.0);
    for (size_t at = static_cast<size_t>(network.input_size) - 1; categories > 0 && at < x.size();
         at += static_cast<size_t>(network.input_size))
      x[at] = static_cast<float>(chance.below(categories));
  }
};

/* Some rows and steps of a batch x time x width. */
std::vector<float> part(const std::vector<float> &from, int64_t time, int64_t width, int64_t row, int64_t rows,
                        int64_t first, int64_t steps) {
  std::vector<float> result;
  for (int64_t each = row; each < row + rows; ++each) {
    const float *start = from.data() + (each * time + first) * width;
    result.insert(result.end(), start, start + steps * width);
  }
  return result;
}

void close(const std::vector<float> &found, const std::vector<float> &expected, double tolerance, const char *what) {
  CHECK(found.size() == expected.size(), what, ": ", found.size(), " numbers and not ", expected.size());
  for (size_t each = 0; each < found.size(); ++each)
    CHECK(std::fabs(found[each] - expected[each]) <= tolerance, what, " at ", each, ": ", found[each], " is not ",
          expected[each]);
}

constexpr int64_t BATCH = 7, TIME = 60;

TEST("a causal network gives the same in one call and in any blocks, and leaves the same state") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto made = causal_program();
    for (const int storage : {ENSUE_FULL, ENSUE_BF16, ENSUE_INT8}) {
      const auto network = built(made->program, kernels, storage);
      const Input input(*network, BATCH, TIME, 5);
      Session whole(*network, BATCH);
      const std::vector<float> y = whole.call(input.x, input.anchors, TIME);
      for (const int64_t block : {1, 2, 7, 16, 59}) {
        Session session(*network, BATCH);
        for (int64_t first = 0; first < TIME; first += block) {
          const int64_t steps = std::min(block, TIME - first);
          close(session.call(part(input.x, TIME, 3, 0, BATCH, first, steps),
                             part(input.anchors, TIME, 2, 0, BATCH, first, steps), steps),
                part(y, TIME, 3, 0, BATCH, first, steps), 2e-5, "y");
        }
        close(session.state(), whole.state(), 2e-5, "the state");
      }
    }
  });
}

TEST("a row of a batch is what it is alone, and what it is under any number of threads") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto causal = causal_program(), pooling = pooling_program();
    for (const auto *made : {causal.get(), pooling.get()}) {
      const auto network = built(made->program, kernels);
      const int64_t steps = network->output_time(TIME, true), in = network->input_size, out = network->output_size;
      const Input input(*network, BATCH, TIME, 5);
      const std::vector<float> y = Session(*network, BATCH).call(input.x, input.anchors, TIME);
      for (const float each : y) CHECK(std::isfinite(each), kernels.name, ": ", each);
      for (int64_t row = 0; row < BATCH; ++row)
        close(Session(*network, 1)
                  .call(part(input.x, TIME, in, row, 1, 0, TIME),
                        part(input.anchors, TIME, network->anchors, row, 1, 0, TIME), TIME),
              part(y, steps, out, row, 1, 0, steps), 2e-5, "a row alone");
      for (const int threads : {2, 3, 7, 500})
        close(Session(*network, BATCH).call(input.x, input.anchors, TIME, {}, threads), y, 2e-5, "more threads");
    }
  });
}

TEST("what lies beyond a row's length is nothing to it") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto causal = causal_program(), pooling = pooling_program();
    for (const auto *made : {causal.get(), pooling.get()}) {
      const auto network = built(made->program, kernels);
      const int64_t steps = network->output_time(TIME, true), in = network->input_size, out = network->output_size;
      Input input(*network, BATCH, TIME, 5);
      const std::vector<int64_t> lengths = {60, 1, 17, 16, 33, 59, 2};
      for (int64_t row = 0; row < BATCH; ++row)
        std::fill(&input.x[static_cast<size_t>((row * TIME + lengths[static_cast<size_t>(row)]) * in)],
                  input.x.data() + (row + 1) * TIME * in, NAN);
      Session session(*network, BATCH);
      const std::vector<float> y = session.call(input.x, input.anchors, TIME, lengths);
      for (int64_t row = 0; row < BATCH; ++row) {
        const int64_t own = lengths[static_cast<size_t>(row)], answered = steps == 1 ? 1 : own;
        close(Session(*network, 1)
                  .call(part(input.x, TIME, in, row, 1, 0, own),
                        part(input.anchors, TIME, network->anchors, row, 1, 0, own), own),
              part(y, steps, out, row, 1, 0, answered), 2e-5, "a row of this length");
      }
    }
  });
}

TEST("a network with strides answers every so many steps") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto made = striding_program();
    const auto network = built(made->program, kernels);
    const Input input(*network, BATCH, TIME, 0);
    Session whole(*network, BATCH);
    const std::vector<float> y = whole.call(input.x, {}, TIME);
    CHECK(static_cast<int64_t>(y.size()) == BATCH * TIME / 6 * 5, y.size());
    for (const int64_t block : {6, 12, 30}) {
      Session session(*network, BATCH);
      for (int64_t first = 0; first < TIME; first += block)
        close(session.call(part(input.x, TIME, 2, 0, BATCH, first, block), {}, block),
              part(y, TIME / 6, 5, 0, BATCH, first / 6, block / 6), 2e-5, "y");
    }
    Session refused(*network, BATCH);
    refused.call(part(input.x, TIME, 2, 0, BATCH, 0, 7), {}, 7, {}, 1, ensue::NETWORK_BAD_CALL);
    refused.call(part(input.x, TIME, 2, 0, BATCH, 0, 12), {}, 12, {12, 6, 7, 6, 6, 6, 6}, 1, ENSUE_BAD_LENGTH);
  });
}

TEST("all tables agree to 2e-5, and bf16 and int8 to what they lose") {
  for (const bool pools : {false, true}) {
    const auto made = pools ? pooling_program() : causal_program();
    std::vector<float> first;
    each_float_table([&](const ensue_kernels &kernels) {
      for (const int storage : {ENSUE_FULL, ENSUE_BF16, ENSUE_INT8}) {
        const auto network = built(made->program, kernels, storage);
        const Input input(*network, BATCH, TIME, 5);
        const std::vector<float> y = Session(*network, BATCH).call(input.x, input.anchors, TIME);
        if (first.empty()) first = y;
        close(y, first, storage == ENSUE_FULL ? 2e-5 : 0.05, kernels.name);
      }
    });
  }
}

TEST("codes that no table has are refused, and said") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto made = causal_program();
    const auto network = built(made->program, kernels);
    for (const float bad : {5.0f, -1.0f, -0.5f, 1e30f, -1e30f, float(INFINITY), float(NAN)})
      for (const int64_t time : {int64_t{1}, TIME}) {
        Input input(*network, 1, time, 5);
        input.x[2] = bad;
        Session(*network, 1).call(input.x, input.anchors, time, {}, 1, ensue::NETWORK_BAD_CODE);
        ensue::BadCode found;
        CHECK(network->find_bad_code(input.x.data(), 1, time, nullptr, found), "none is found");
        CHECK(found.categories == 5 && (found.low == bad || found.high == bad || std::isnan(bad)), bad, " is ", found.low,
              " to ", found.high);
      }
  });
}

TEST("one network, many threads with streams and batches of their own: what one thread gets, bit for bit") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto made = causal_program();
    const auto network = built(made->program, kernels);
    const Input input(*network, BATCH, TIME, 5);
    const auto work = [&](bool alone) {
      std::vector<float> all;
      Session stream(*network, 1), batch(*network, BATCH);
      stream.alone = batch.alone = alone;
      for (int64_t t = 0; t < TIME; ++t) {
        const std::vector<float> y =
            stream.call(part(input.x, TIME, 3, 2, 1, t, 1), part(input.anchors, TIME, 2, 2, 1, t, 1), 1);
        all.insert(all.end(), y.begin(), y.end());
      }
      const std::vector<float> y = batch.call(input.x, input.anchors, TIME, {}, 2), state = stream.state();
      all.insert(all.end(), y.begin(), y.end());
      all.insert(all.end(), state.begin(), state.end());
      return all;
    };
    const std::vector<float> expected = work(true);
    constexpr size_t count = 6;
    std::vector<float> found[count];
    std::vector<std::thread> threads;
    for (auto &each : found) threads.emplace_back([&] { each = work(false); });
    for (std::thread &each : threads) each.join();
    for (const auto &each : found) CHECK(each == expected, kernels.name, ": a thread found something else");
  });
}

}  // namespace
