/* Network as Python sees it. JSON stays in Python; what comes from there is checked again from end to end, since a network
 * may come from a file that somebody else has written. */
#include "layers.h"
#include "network.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nb = nanobind;

namespace {

using ensue::Network;

template <typename Number>
using Block = nb::ndarray<Number, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Given = Block<const float>;
using Taken = Block<float>; /* written to */
using Trace = nb::ndarray<float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Sums = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Lengths = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using AnyWeight = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

/* What is said may repeat what was given, which may be anything. */
[[noreturn]] void refuse(std::string what) {
  if (what.size() > 300) what = what.substr(0, 300) + "...";
  for (char &each : what)
    if (static_cast<unsigned char>(each) < ' ' || static_cast<unsigned char>(each) > '~') each = '?';
  throw nb::value_error((what + ".").c_str());
}

std::string in_words(const std::vector<int64_t> &shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

template <typename Array>
void expect(const char *name, const Array &array, const std::vector<int64_t> &shape) {
  std::vector<int64_t> given;
  for (size_t i = 0; i < array.ndim(); ++i) given.push_back(static_cast<int64_t>(array.shape(i)));
  if (given != shape) refuse(std::string(name) + " has shape " + in_words(given) + ", expected " + in_words(shape));
}

int storage_of(const std::string &name) {
  if (name == "float32") return ENSUE_FULL;
  if (name == "bf16") return ENSUE_BF16;
  if (name == "int8") return ENSUE_INT8;
  refuse("weights_as is '" + name + "', expected 'float32', 'bf16' or 'int8'");
}

const ensue_kernels *kernels_of(const std::optional<std::string> &isa) {
  const ensue_kernels *kernels = ensue_find_kernels(isa ? isa->c_str() : nullptr);
  if (kernels == nullptr || kernels->real_bytes != sizeof(float))
    refuse("There are no float32 kernels " + (isa ? "'" + *isa + "'" : "of the name in ENSUE_ISA") + " here");
  return kernels;
}

/* Each instruction is (kind, numbers, names of weights); `kept` holds the arrays while the network is built. */
ensue::Program program_of(const nb::list &given, const nb::dict &weights, std::vector<AnyWeight> &kept) {
  ensue::Program program;
  for (nb::handle each : given) {
    std::tuple<std::string, std::vector<int64_t>, std::vector<std::string>> parts;
    if (!nb::try_cast(each, parts, false)) refuse("The program holds what is no (kind, numbers, names of weights)");
    ensue::Instruction instruction = {std::get<0>(parts), std::get<1>(parts), {}};
    for (const std::string &name : std::get<2>(parts)) {
      AnyWeight weight;
      const nb::str key(name.c_str(), name.size());
      if (!weights.contains(key) || !nb::try_cast(nb::handle(weights[key]), weight, false))
        refuse("Weight '" + name + "' is missing, or no contiguous array of float32");
      instruction.weights.push_back({weight.data(), static_cast<int64_t>(weight.size())});
      kept.push_back(std::move(weight));
    }
    program.push_back(std::move(instruction));
  }
  return program;
}

Network *build(const nb::list &given, const nb::dict &weights, const std::optional<std::string> &isa,
               const std::string &weights_as) {
  std::vector<AnyWeight> kept;
  const ensue::Program program = program_of(given, weights, kept);
  const int storage = storage_of(weights_as);
  const ensue_kernels *kernels = kernels_of(isa);
  std::string error;
  std::unique_ptr<Network> network;
  {
    nb::gil_scoped_release released;
    network = Network::build(program, kernels, storage, error);
  }
  if (network == nullptr) refuse("The network cannot be built: " + error);
  return network.release();
}

/* Each thread keeps one for its next call, unless it was very large. */
struct Workspace {
  static constexpr size_t largest_kept = size_t{64} << 20;
  ensue::Aligned memory;
  size_t bytes = 0;

  void *room(size_t wanted) {
    if (wanted > bytes) {
      bytes = 0;
      memory = ensue::Aligned(); /* first give back, then take */
      memory = ensue::Aligned(wanted);
      bytes = wanted;
    }
    return memory.get();
  }
  void leave() {
    if (bytes <= largest_kept) return;
    memory = ensue::Aligned();
    bytes = 0;
  }
};

Workspace &workspace() {
  static thread_local Workspace own;
  return own;
}

/* A call whose arrays have been checked, and are kept: it can be made again and again. */
class Pass {
 public:
  Pass(const Network &network, Given x, std::optional<Given> anchors, const nb::list &state, std::optional<Taken> y,
       std::optional<Lengths> lengths, bool outputs, int threads, const std::optional<nb::list> &traces,
       const std::optional<nb::list> &sums)
      : network_(network), x_(std::move(x)), anchors_(std::move(anchors)), y_(std::move(y)), lengths_(std::move(lengths)),
        outputs_(outputs), threads_(threads) {
    batch_ = static_cast<int64_t>(x_.shape(0));
    time_ = static_cast<int64_t>(x_.shape(1));
    const auto features = static_cast<int64_t>(x_.shape(2));
    if (batch_ < 1 || time_ < 1 || features != network.input_size)
      refuse("The input has shape " + in_words({batch_, time_, features}) + ", expected (batch, time, " +
             std::to_string(network.input_size) + ")");
    if (threads < 1) refuse("threads is " + std::to_string(threads) + ", expected 1 or more");
    const int64_t steps = network.output_time(time_, outputs);
    const bool wants_anchors = network.anchors > 0;
    if (anchors_.has_value() != wants_anchors) refuse(wants_anchors ? "Anchors are missing" : "The network takes no anchors");
    if (wants_anchors) expect("anchors", *anchors_, {batch_, steps, network.anchors});
    if (y_) expect("y", *y_, {batch_, steps, outputs ? network.output_size : network.silent_size});
    if (!y_ && outputs) refuse("y is missing");
    if (lengths_) expect("lengths", *lengths_, {batch_});
    take_state(state);
    if (traces && sums) refuse("Traces and sums are both given, expected one of them");
    if (traces) take_records(*traces, kept_traces_, [&](size_t each, const Trace &array) {
      expect("A trace", array, {ENSUE_TRACED, batch_, network.recorded_time(each, time_), network.recorded[each]});
      return ensue::Record{array.data(), nullptr, 0};
    });
    if (sums) take_records(*sums, kept_sums_, [&](size_t each, const Sums &array) {
      const int64_t width = static_cast<int64_t>(array.shape(1)), least = batch_ * network.recorded[each];
      expect("An array of sums", array, {ENSUE_SUMS, std::max(width, least)});
      return ensue::Record{nullptr, array.data(), width};
    });
    if (!records_.empty()) recording_ = traces ? ensue::Recording::trace : ensue::Recording::sums;
  }

  /* None, or of a category code that no table has: lowest and highest code and the number of categories. */
  std::optional<std::tuple<double, double, int64_t>> run() const {
    const int64_t *lengths = lengths_ ? lengths_->data() : nullptr;
    Workspace &own = workspace();
    const size_t bytes = network_.workspace_bytes(batch_, time_, outputs_, threads_, recording_);
    void *memory = own.room(bytes);
    ensue::BadCode bad = {};
    int status;
    {
      nb::gil_scoped_release released;
      status = network_.forward(x_.data(), anchors_ ? anchors_->data() : nullptr, states_.data(), y_ ? y_->data() : nullptr,
                                batch_, time_, lengths, outputs_, memory, threads_,
                                records_.empty() ? nullptr : records_.data());
      own.leave();
      if (status == ensue::NETWORK_BAD_CODE && !network_.find_bad_code(x_.data(), batch_, time_, lengths, bad)) status = -1;
    }
    if (status == ENSUE_OK) return std::nullopt;
    if (status == ensue::NETWORK_BAD_CODE) return std::make_tuple(double(bad.low), double(bad.high), bad.categories);
    if (status == -1) refuse("A category code that a layer made lies outside its table");
    if (status == ENSUE_BAD_LENGTH) refuse("A length is below 1, above the time, or no multiple of the stride");
    refuse("The call cannot be: " + std::to_string(time_) + " time steps, status " + std::to_string(status));
  }

 private:
  void take_state(const nb::list &state) {
    if (state.size() != network_.states.size())
      refuse("The state has " + std::to_string(state.size()) + " arrays, expected " + std::to_string(network_.states.size()));
    states_.reserve(state.size());
    arrays_.reserve(state.size());
    for (nb::handle each : state) {
      Taken array;
      if (!nb::try_cast(each, array, false)) refuse("The state holds what is no contiguous array of float32");
      const ensue::StateShape &shape = network_.states[arrays_.size()];
      expect("A state array", array, {shape.rows, batch_, shape.size});
      states_.push_back(array.data());
      arrays_.push_back(std::move(array));
    }
  }

  /* An array for each layer and direction, kept; `record_of` checks it and says where it is written to. */
  template <typename Array, typename Function>
  void take_records(const nb::list &given, std::vector<Array> &kept, Function record_of) {
    if (given.size() != network_.recorded.size())
      refuse("There are " + std::to_string(given.size()) + " arrays to record in, expected " +
             std::to_string(network_.recorded.size()));
    for (nb::handle each : given) {
      Array array;
      if (!nb::try_cast(each, array, false)) refuse("What is to be recorded in is no contiguous array of its type");
      records_.push_back(record_of(kept.size(), array));
      kept.push_back(std::move(array));
    }
  }

  const Network &network_;
  Given x_;
  std::optional<Given> anchors_;
  std::optional<Taken> y_;
  std::optional<Lengths> lengths_;
  bool outputs_;
  int threads_;
  int64_t batch_, time_;
  std::vector<float *> states_;
  std::vector<Taken> arrays_;
  std::vector<Trace> kept_traces_;
  std::vector<Sums> kept_sums_;
  std::vector<ensue::Record> records_;
  ensue::Recording recording_ = ensue::Recording::none;
};

}  // namespace

void bind_network(nb::module_ &module) {
  nb::class_<Network>(module, "Network",
                      "A network ready to run; immutable, so any number of threads may run it at once.")
      .def(nb::new_(&build), nb::arg("program"), nb::arg("weights"), nb::arg("isa").none() = nb::none(),
           nb::arg("weights_as") = "float32")
      .def_ro("input_size", &Network::input_size)
      .def_ro("output_size", &Network::output_size)
      .def_ro("silent_size", &Network::silent_size, "Of what comes back where outputs are not wanted.")
      .def_ro("anchors", &Network::anchors)
      .def_ro("causal", &Network::causal)
      .def_prop_ro("isa", [](const Network &network) { return network.kernels->name; })
      .def_prop_ro("state_shapes",
                   [](const Network &network) {
                     std::vector<std::pair<int64_t, int64_t>> shapes;
                     for (const ensue::StateShape &each : network.states) shapes.emplace_back(each.rows, each.size);
                     return shapes;
                   })
      .def_ro("recorded", &Network::recorded, "Hidden size of each layer and direction of an LSTM.")
      .def(
          "recorded_time",
          [](const Network &network, int64_t each, int64_t time) {
            if (each < 0 || each >= static_cast<int64_t>(network.recorded.size())) throw nb::index_error();
            return network.recorded_time(static_cast<size_t>(each), time);
          },
          nb::arg("each"), nb::arg("time"), "Steps that reach it where `time` go in.")
      .def("output_time", &Network::output_time, nb::arg("time"), nb::arg("outputs") = true)
      .def(
          "run",
          [](const Network &network, Given x, std::optional<Given> anchors, const nb::list &state, std::optional<Taken> y,
             std::optional<Lengths> lengths, bool outputs, int threads, const std::optional<nb::list> &traces,
             const std::optional<nb::list> &sums) {
            return Pass(network, std::move(x), std::move(anchors), state, std::move(y), std::move(lengths), outputs, threads,
                        traces, sums)
                .run();
          },
          nb::arg("x").noconvert(), nb::arg("anchors").noconvert().none(), nb::arg("state"), nb::arg("y").noconvert().none(),
          nb::arg("lengths").noconvert().none() = nb::none(), nb::arg("outputs") = true, nb::arg("threads") = 1,
          nb::arg("traces") = nb::none(), nb::arg("sums") = nb::none());
  nb::class_<Pass>(module, "Pass", "A call of a network with arrays that stay: what is hot binds them once.")
      .def(nb::init<const Network &, Given, std::optional<Given>, const nb::list &, std::optional<Taken>,
                    std::optional<Lengths>, bool, int, const std::optional<nb::list> &, const std::optional<nb::list> &>(),
           nb::keep_alive<1, 2>(), nb::arg("network"), nb::arg("x").noconvert(), nb::arg("anchors").noconvert().none(),
           nb::arg("state"), nb::arg("y").noconvert().none(), nb::arg("lengths").noconvert().none() = nb::none(),
           nb::arg("outputs") = true, nb::arg("threads") = 1, nb::arg("traces") = nb::none(), nb::arg("sums") = nb::none())
      .def("run", &Pass::run);
}
