/* Networks from hostile programs: built or refused, and run on whatever comes. */
#include "fuzz.h"
#include "guarded.h"
#include "programs.h"

#include <algorithm>

namespace {

using ensue::Instruction;
using ensue::Network;

/* A program whose layers mostly fit each other. */
class Composer {
 public:
  explicit Composer(Bytes &bytes) : bytes_(bytes) {}

  void compose() {
    size_ = 1 + bytes_.below(20);
    if (bytes_.once_in(4)) {
      const int64_t index = bytes_.below(size_), categories = 1 + bytes_.below(5), width = 1 + bytes_.below(9);
      made.add("embed_columns", {size_, index, categories, width}, {categories * width});
      size_ += width - 1;
    }
    const int64_t layers = 1 + bytes_.below(6);
    for (int64_t each = 0; each < layers; ++each) layer(each == layers - 1);
  }

  Builder made;

 private:
  void layer(bool last) {
    const int64_t out = 1 + bytes_.below(19), kind = bytes_.below(last ? 12 : 8);
    switch (kind) {
      case 0: linear(out); break;
      case 1: lstm(out); break;
      case 2: made.add("layer_norm", {size_}, {size_, size_}); break;
      case 3: made.add("rms_norm", {size_}, {size_}); break;
      case 4: made.add("gated_feed_forward", {size_, out}, {2 * out * size_, size_ * out}); break;
      case 5: convolution(out); break;
      case 6:
        made.add("residual", {});
        made.add("rms_norm", {size_}, {size_});
        if (bytes_.once_in(2)) made.lstm(size_, size_, 1, 1, bytes_.once_in(2), false);
        made.add("end", {});
        break;
      case 7: lstm(out); break;
      case 8: made.add("pooling", {size_, bytes_.below(3)}); break;
      case 9: made.add("attention_pooling", {size_, out}, {out * size_, out, out}); break;
      case 10: made.add("softmax_head", {size_, out + 1}, {(out + 1) * size_, out + 1}); break;
      default: {
        const int64_t levels = 1 + bytes_.below(5), anchors = bytes_.below(4);
        made.add("quantile_head", {size_, levels, bytes_.below(levels), anchors},
                 {(anchors + levels) * size_, anchors + levels});
      }
    }
  }

  void linear(int64_t out) {
    const bool bias = bytes_.once_in(2);
    std::vector<int64_t> counts = {out * size_};
    if (bias) counts.push_back(out);
    made.add("linear", {size_, out, bias, bytes_.below(5)}, counts);
    size_ = out;
  }

  void lstm(int64_t hidden) {
    const int64_t directions = bytes_.once_in(4) ? 2 : 1;
    made.lstm(size_, hidden, 1 + bytes_.below(3), directions, bytes_.once_in(3), bytes_.once_in(3));
    size_ = hidden * directions;
  }

  void convolution(int64_t out) {
    const int64_t width = 1 + bytes_.below(6), stride = bytes_.once_in(4) ? 2 : 1, dilation = 1 + bytes_.below(3);
    made.add("convolution", {size_, out, width, stride, dilation, !bytes_.once_in(4), 1, bytes_.below(5)},
             {out * size_ * width, out});
    size_ = out;
  }

  Bytes &bytes_;
  int64_t size_ = 1;
};

/* Some of it is no longer true. */
void distort(ensue::Program &program, Bytes &bytes, std::vector<std::vector<float>> &weights) {
  static const char *const kinds[] = {"linear",  "lstm",          "residual", "end", "embedding",
                                      "pooling", "quantile_head", "",         "x"};
  for (int64_t lies = bytes.below(4); lies > 1 && !program.empty(); --lies) {
    const auto where = bytes.below(static_cast<int64_t>(program.size()));
    Instruction &chosen = program[static_cast<size_t>(where)];
    switch (bytes.below(8)) {
      case 0:
        if (!chosen.numbers.empty())
          chosen.numbers[static_cast<size_t>(bytes.below(static_cast<int64_t>(chosen.numbers.size())))] = bytes.whole();
        break;
      case 1: chosen.numbers.push_back(bytes.whole()); break;
      case 2:
        if (!chosen.weights.empty()) chosen.weights.pop_back();
        break;
      case 3: program.erase(program.begin() + where); break;
      case 4:
        program.insert(program.begin() + where,
                       program[static_cast<size_t>(bytes.below(static_cast<int64_t>(program.size())))]);
        break;
      case 5: chosen.kind = kinds[bytes.below(9)]; break;
      default: /* weights that are hardly any; as many as before, so that they are taken */
        for (ensue::Weight &each : chosen.weights) {
          weights.push_back(bytes.reals<float>(each.count));
          each.data = weights.back().data();
        }
    }
  }
}

/* Calls with any arrays, one after the other on the same states. */
void run(const Network &network, Bytes &bytes) {
  const int64_t batch = 1 + bytes.below(5);
  std::vector<Numbers<float>> states;
  std::vector<float *> pointers;
  for (const ensue::StateShape &shape : network.states) {
    if (shape.rows * shape.size * batch > 1000000) return;
    states.emplace_back(bytes.reals<float>(shape.rows * shape.size * batch));
    pointers.push_back(states.back().data());
  }
  for (int64_t calls = 1 + bytes.below(4); calls > 0; --calls) {
    const int64_t time = 1 + bytes.below(bytes.once_in(4) ? 200 : 20), steps = network.output_time(time, true);
    const bool outputs = !bytes.once_in(4);
    const int threads = static_cast<int>(bytes.below(4));
    const auto recording = static_cast<ensue::Recording>(bytes.once_in(2) ? 1 + bytes.below(2) : 0);
    const size_t room = network.workspace_bytes(batch, time, outputs, std::max(threads, 1), recording);
    if (room > size_t{1} << 25 || batch * time * std::max(network.input_size, network.output_size) > 5000000) return;
    const int64_t width = outputs ? network.output_size : network.silent_size;
    const Numbers<float> x(bytes.reals<float>(batch * time * network.input_size));
    const Numbers<float> anchors(bytes.reals<float>(batch * std::max<int64_t>(steps, 1) * network.anchors));
    const Numbers<float> y(static_cast<size_t>(batch * steps * width));
    for (int64_t row = 0; row < batch * time; ++row) /* codes that mostly are some */
      if (!bytes.once_in(2))
        x.data()[row * network.input_size + bytes.below(std::min<int64_t>(network.input_size, 20))] =
            static_cast<float>(bytes.below(3));
    std::vector<int64_t> lengths;
    for (int64_t row = 0; bytes.once_in(2) && row < batch; ++row)
      lengths.push_back(bytes.once_in(6) ? bytes.whole() : 1 + bytes.below(time));
    lengths.resize(lengths.empty() ? 0 : static_cast<size_t>(batch), time);
    const Guarded workspace(room);
    const bool silent = !outputs && bytes.once_in(2);
    std::vector<Numbers<float>> traces;
    std::vector<Numbers<double>> sums;
    std::vector<ensue::Record> records;
    for (size_t each = 0; each < network.recorded.size() && recording != ensue::Recording::none; ++each) {
      const int64_t hidden = network.recorded[each], seen = network.recorded_time(each, time);
      const bool traced = recording == ensue::Recording::trace;
      traces.emplace_back(traced ? static_cast<size_t>(ENSUE_TRACED * batch * seen * hidden) : 0);
      sums.emplace_back(bytes.reals<double>(traced ? 0 : ENSUE_SUMS * batch * hidden));
      records.push_back({traced ? traces.back().data() : nullptr, traced ? nullptr : sums.back().data(), batch * hidden});
    }
    const int status = network.forward(x.data(), network.anchors > 0 ? anchors.data() : nullptr, pointers.data(),
                                       silent ? nullptr : y.data(), batch, time, lengths.empty() ? nullptr : lengths.data(),
                                       outputs, workspace.start(), threads, records.empty() ? nullptr : records.data());
    CHECK(status == ENSUE_OK || status == ENSUE_BAD_LENGTH || status == ensue::NETWORK_BAD_CODE ||
              status == ensue::NETWORK_BAD_CALL,
          "forward says ", status);
    ensue::BadCode found;
    network.find_bad_code(x.data(), batch, time, status == ENSUE_BAD_LENGTH || lengths.empty() ? nullptr : lengths.data(),
                          found);
    x.check("x");
    y.check("y");
    anchors.check("anchors");
    workspace.check("workspace");
    for (const Numbers<float> &each : states) each.check("state");
    for (const Numbers<float> &each : traces) each.check("trace");
    for (const Numbers<double> &each : sums) each.check("sums");
  }
}

}  // namespace

void fuzz_network(Bytes &bytes) {
  Composer composer(bytes);
  composer.compose();
  ensue::Program &program = composer.made.program;
  std::vector<std::vector<float>> weights;
  distort(program, bytes, weights);
  std::vector<const ensue_kernels *> tables;
  for (const char *const *name = ensue_isa_names(); *name != nullptr; ++name) tables.push_back(ensue_find_kernels(*name));
  const ensue_kernels *kernels = tables[static_cast<size_t>(bytes.below(static_cast<int64_t>(tables.size())))];
  std::string error;
  const auto network = Network::build(program, kernels, static_cast<int>(bytes.below(4)), error);
  CHECK((network == nullptr) == !error.empty(), "it is built, and refused: ", error);
  count_outcome(network != nullptr);
  if (network != nullptr) run(*network, bytes);
}
