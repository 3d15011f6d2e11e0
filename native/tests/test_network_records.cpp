/* Records of a network: however a call is cut into pieces and threads, they are what one step after the other leaves. */
#include "guarded.h"
#include "programs.h"

#include <algorithm>

namespace {

using ensue::Network;
using ensue::Record;
using ensue::Recording;

/* Calls for some rows of a batch, one after the other, each with a fresh trace, or with sums that are carried on. */
class Session {
 public:
  Session(const Network &network, int64_t batch) : network_(network), batch_(batch) {
    for (const ensue::StateShape &shape : network.states) {
      states_.emplace_back(static_cast<size_t>(shape.rows * batch * shape.size));
      states_.back().fill(0);
    }
    for (const Numbers<float> &each : states_) pointers_.push_back(each.data());
    for (const int64_t hidden : network.recorded) {
      sums.emplace_back(static_cast<size_t>(ENSUE_SUMS * batch * hidden));
      sums.back().fill(0);
    }
  }

  std::vector<float> call(const std::vector<float> &x, int64_t time, const std::vector<int64_t> &lengths, int threads,
                          Recording recording) {
    traces.clear();
    std::vector<Record> records;
    for (size_t each = 0; each < network_.recorded.size(); ++each) {
      const int64_t hidden = network_.recorded[each];
      const bool traced = recording == Recording::trace;
      traces.emplace_back(traced ? static_cast<size_t>(ENSUE_TRACED * batch_ * network_.recorded_time(each, time) * hidden) : 0);
      records.push_back({traced ? traces.back().data() : nullptr, traced ? nullptr : sums[each].data(), batch_ * hidden});
    }
    const Numbers<float> given(x), y(static_cast<size_t>(batch_ * network_.output_time(time, true) * network_.output_size));
    const Numbers<float> anchors(std::vector<float>(static_cast<size_t>(batch_ * time * network_.anchors), 0.5f));
    const Guarded workspace(network_.workspace_bytes(batch_, time, true, threads, recording));
    const int status = network_.forward(given.data(), network_.anchors > 0 ? anchors.data() : nullptr, pointers_.data(),
                                        y.data(), batch_, time, lengths.empty() ? nullptr : lengths.data(), true,
                                        workspace.start(), threads, recording == Recording::none ? nullptr : records.data());
    CHECK(status == ENSUE_OK, network_.kernels->name, " says ", status);
    workspace.check("workspace");
    for (const Numbers<float> &each : states_) each.check("state");
    for (const Numbers<float> &each : traces) each.check("trace");
    for (const Numbers<double> &each : sums) each.check("sums");
    return y.copy();
  }

  std::vector<Numbers<float>> traces;
  std::vector<Numbers<double>> sums;

 private:
  const Network &network_;
  const int64_t batch_;
  std::vector<Numbers<float>> states_;
  std::vector<float *> pointers_;
};

std::vector<float> input(const Network &network, int64_t batch, int64_t time, int64_t categories) {
  Chance chance(3);
  std::vector<float> x = chance.numbers<float>(batch * time * network.input_size, 1.5);
  for (size_t at = static_cast<size_t>(network.input_size) - 1; categories > 0 && at < x.size();
       at += static_cast<size_t>(network.input_size))
    x[at] = static_cast<float>(chance.below(categories));
  return x;
}

template <typename Found, typename Expected>
void close(const char *name, const Found &found, const Expected &expected, double tolerance) {
  for (size_t each = 0; each < expected.size(); ++each) {
    const double seen = static_cast<double>(found[each]), wanted = static_cast<double>(expected[each]);
    CHECK(std::fabs(seen - wanted) <= tolerance * std::max(1.0, std::fabs(wanted)) || (std::isnan(seen) && std::isnan(wanted)),
          name, " at ", each, ": ", seen, " is not ", wanted);
  }
}

constexpr int64_t BATCH = 7, TIME = 60;
const std::vector<int64_t> LENGTHS = {60, 6, 18, 12, 30, 54, 6};

void each_network(void (*test)(const Network &, int64_t)) {
  each_float_table([&](const ensue_kernels &kernels) {
    const auto causal = causal_program(), pooling = pooling_program(), striding = striding_program();
    test(*built(causal->program, kernels), 5);
    test(*built(pooling->program, kernels), 5);
    test(*built(striding->program, kernels), 0);
  });
}

TEST("outputs with a trace or sums are those without, on any number of threads") {
  each_network([](const Network &network, int64_t categories) {
    const std::vector<float> x = input(network, BATCH, TIME, categories);
    for (const bool ragged : {false, true}) {
      const std::vector<int64_t> lengths = ragged ? LENGTHS : std::vector<int64_t>();
      const std::vector<float> expected = Session(network, BATCH).call(x, TIME, lengths, 1, Recording::none);
      Session whole(network, BATCH), summed(network, BATCH);
      close("y with a trace", whole.call(x, TIME, lengths, 1, Recording::trace), expected, 2e-5);
      CHECK(summed.call(x, TIME, lengths, 1, Recording::sums) == expected, "sums change an output");
      for (const int threads : {2, 7}) {
        Session traced(network, BATCH), counted(network, BATCH);
        close("y with a trace", traced.call(x, TIME, lengths, threads, Recording::trace), expected, 2e-5);
        close("y with sums", counted.call(x, TIME, lengths, threads, Recording::sums), expected, 2e-5);
        for (size_t each = 0; each < whole.traces.size(); ++each) {
          close("a trace", traced.traces[each], whole.traces[each], 2e-5);
          close("sums", counted.sums[each], summed.sums[each], 2e-4);
        }
      }
    }
  });
}

TEST("beyond a row's length a trace is left as it is, and before it written everywhere") {
  each_network([](const Network &network, int64_t categories) {
    Session session(network, BATCH);
    session.call(input(network, BATCH, TIME, categories), TIME, LENGTHS, 1, Recording::trace);
    for (size_t each = 0; each < network.recorded.size(); ++each) {
      const int64_t hidden = network.recorded[each], time = network.recorded_time(each, TIME);
      for (int64_t place = 0; place < ENSUE_TRACED * BATCH * time; ++place) {
        const bool inside = place % time < LENGTHS[static_cast<size_t>(place / time % BATCH)] * time / TIME;
        for (int64_t unit = 0; unit < hidden; ++unit)
          CHECK(std::isnan(session.traces[each][static_cast<size_t>(place * hidden + unit)]) != inside, network.kernels->name,
                " record ", each, " at ", place);
      }
    }
  });
}

TEST("a causal network leaves the same sums in one call and in any blocks") {
  each_float_table([](const ensue_kernels &kernels) {
    const auto made = causal_program();
    const auto network = built(made->program, kernels);
    const std::vector<float> x = input(*network, BATCH, TIME, 5);
    const auto part = [&](int64_t first, int64_t steps) {
      std::vector<float> some;
      for (int64_t row = 0; row < BATCH; ++row)
        some.insert(some.end(), x.begin() + (row * TIME + first) * 3, x.begin() + (row * TIME + first + steps) * 3);
      return some;
    };
    Session whole(*network, BATCH);
    whole.call(x, TIME, {}, 1, Recording::sums);
    for (const int64_t block : {1, 7, 16, 59}) {
      Session session(*network, BATCH);
      for (int64_t first = 0; first < TIME; first += block) {
        const int64_t steps = std::min(block, TIME - first);
        session.call(part(first, steps), steps, {}, 1, Recording::sums);
      }
      for (size_t each = 0; each < whole.sums.size(); ++each) close("sums", session.sums[each], whole.sums[each], 2e-4);
    }
  });
}

TEST("there is a record for each layer and direction of an LSTM, of the steps that reach it") {
  each_network([](const Network &network, int64_t categories) {
    const bool pools = network.output_time(TIME, true) == 1, strides = network.output_time(TIME, true) == TIME / 6;
    const std::vector<int64_t> expected = pools     ? std::vector<int64_t>{12, 12, 12, 12, 5, 5}
                                          : strides ? std::vector<int64_t>{6}
                                                    : std::vector<int64_t>{13, 20, 20, 11};
    CHECK(network.recorded == expected && categories >= 0, network.kernels->name, " has ", network.recorded.size());
    for (size_t each = 0; each < expected.size(); ++each)
      CHECK(network.recorded_time(each, TIME) == (strides ? TIME / 2 : TIME), network.recorded_time(each, TIME));
  });
}

}  // namespace
