/* A network from its program: sizes that must fit, and which buffer each layer reads and writes. */
#include "network_parts.h"

#include <algorithm>
#include <new>
#include <stdexcept>

namespace ensue {
namespace {

constexpr int64_t kDeepest = 32;            /* ensue.network.DEEPEST */
constexpr int64_t kLargestState = 10000000; /* ensue.layers.LARGEST_STATE */
constexpr int64_t kLargestStride = 1000000000;
constexpr int64_t kUnknown = -1;

/* Which buffers are in use: by the values that pass, and by what residuals keep to add. */
class Buffers {
 public:
  int take(int64_t size) {
    for (size_t id = kInternal; id < sizes.size(); ++id)
      if (!used_[id]) return mark(id, size);
    if (sizes.size() == kMostBuffers) throw Refusal{"residual: they nest too deep"};
    sizes.push_back(0);
    used_.push_back(false);
    return mark(sizes.size() - 1, size);
  }
  void release(int id) { used_[static_cast<size_t>(id)] = false; }

  std::vector<int64_t> sizes = {0, 0};

 private:
  int mark(size_t id, int64_t size) {
    used_[id] = true;
    sizes[id] = std::max(sizes[id], size);
    return static_cast<int>(id);
  }
  std::vector<bool> used_ = {true, true};
};

struct Kept {
  int buffer;
  int64_t size;
  size_t ops; /* before it */
};

class Compiler {
 public:
  Compiler(std::vector<Network::Op> &ops, Buffers &buffers) : ops_(ops), buffers_(buffers) {}

  void add(const Layer &layer) {
    if (headed_) throw Refusal{"a head stands before other layers, expected it last"};
    if (size_ != kUnknown && size_ != layer.input_size)
      throw Refusal{"size " + std::to_string(size_) + " is given to a layer that takes " + std::to_string(layer.input_size)};
    if (size_ == kUnknown) input_size = layer.input_size;
    for (Kept &each : kept_)
      if (each.size == kUnknown) each.size = layer.input_size;
    if (!kept_.empty() && (layer.is_head() || layer.pools() || layer.stride() > 1))
      throw Refusal{"residual: a layer inside gives fewer steps than it takes, or is a head"};
    if (pooled_ && layer.stride() > 1) throw Refusal{"a layer with a stride stands after a pooling"};
    headed_ = layer.is_head();
    pooled_ = pooled_ || layer.pools();
    if (layer.is_head()) silent_size = layer.input_size;
    const int from = at_;
    if (!(layer.in_place() && from >= kInternal && !is_kept(from))) {
      at_ = buffers_.take(layer.output_size);
      if (from >= kInternal && !is_kept(from)) buffers_.release(from);
    }
    ops_.push_back({&layer, from, at_, 0, layer.output_size});
    size_ = layer.output_size;
  }

  void begin() {
    if (headed_) throw Refusal{"a head stands before other layers, expected it last"};
    if (static_cast<int64_t>(kept_.size()) + 1 >= kDeepest) throw Refusal{"residual: they nest too deep"};
    kept_.push_back({at_, size_, ops_.size()});
  }

  void end() {
    if (kept_.empty()) throw Refusal{"residual: its end stands before its beginning"};
    const Kept kept = kept_.back();
    kept_.pop_back();
    if (ops_.size() == kept.ops) throw Refusal{"residual: it holds no layers"};
    if (kept.size != size_)
      throw Refusal{"residual: size " + std::to_string(kept.size) + " becomes " + std::to_string(size_) +
                    ", expected the same size to add"};
    ops_.push_back({nullptr, at_, at_, kept.buffer, size_}); /* what stands at at_ was made inside: nobody keeps it */
    if (kept.buffer >= kInternal && !is_kept(kept.buffer)) buffers_.release(kept.buffer);
  }

  void finish() {
    if (!kept_.empty()) throw Refusal{"residual: its end is missing"};
    if (ops_.empty()) throw Refusal{"there are no layers"};
    ops_.back().out = kOutput;
    buffers_.sizes[kInput] = input_size;
    buffers_.sizes[kOutput] = output_size = size_;
    if (!headed_) silent_size = size_;
  }

  int64_t input_size = 0, output_size = 0, silent_size = 0;

 private:
  bool is_kept(int buffer) const {
    return std::any_of(kept_.begin(), kept_.end(), [buffer](const Kept &each) { return each.buffer == buffer; });
  }

  std::vector<Network::Op> &ops_;
  Buffers &buffers_;
  std::vector<Kept> kept_;
  int64_t size_ = kUnknown;
  int at_ = kInput;
  bool headed_ = false, pooled_ = false;
};

}  // namespace

Network::Network() = default;
Network::~Network() = default;

std::unique_ptr<Network> Network::build(const Program &program, const ensue_kernels *kernels, int storage,
                                        std::string &error) {
  try {
    if (kernels == nullptr || kernels->real_bytes != sizeof(float)) throw Refusal{"the kernels are not for float32"};
    if (storage != ENSUE_FULL && storage != ENSUE_BF16 && storage != ENSUE_INT8)
      throw Refusal{"weights are to be kept in a way that does not exist"};
    std::unique_ptr<Network> network(new Network);
    network->kernels = kernels;
    network->compile(program, storage);
    return network;
  } catch (const Refusal &refusal) {
    error = refusal.why;
  } catch (const std::bad_alloc &) {
    error = "there is not enough memory";
  } catch (const std::length_error &) {
    error = "there is not enough memory";
  }
  return nullptr;
}

void Network::compile(const Program &program, int storage) {
  Buffers buffers;
  Compiler compiler(ops_, buffers);
  for (const Instruction &instruction : program) {
    Taker take(instruction, kernels, storage);
    const size_t before = layers_.size();
    if (instruction.kind == "residual")
      compiler.begin();
    else if (instruction.kind == "end")
      compiler.end();
    else if (!make_pointwise(take, instruction.kind, layers_) && !make_lstm(take, instruction.kind, states, recorded, layers_) &&
             !make_over_time(take, instruction.kind, states, layers_) && !make_head(take, instruction.kind, anchors, layers_))
      take.refuse("there is no such kind of layer");
    take.finish();
    for (size_t each = before; each < layers_.size(); ++each) compiler.add(*layers_[each]);
    for (const Weight &weight : instruction.weights) weights_ += weight.count;
  }
  compiler.finish();
  input_size = compiler.input_size;
  output_size = compiler.output_size;
  silent_size = compiler.silent_size;
  buffers_ = buffers.sizes;
  for (const auto &layer : layers_) {
    causal = causal && layer->causal();
    embeds = embeds || !layer->codes().empty();
    pools_ = pools_ || layer->pools();
    held_per_row_ = std::max(held_per_row_, layer->held_per_row());
    held_per_step_ = std::max(held_per_step_, layer->held_per_step());
    if (__builtin_mul_overflow(stride_, layer->stride(), &stride_) || stride_ > kLargestStride)
      throw Refusal{"the product of the strides is too large"};
  }
  for (const int64_t size : buffers_) held_per_step_ += size;
  int64_t remembered = 0;
  for (const StateShape &state : states) remembered += state.rows * state.size; /* each at most 2 * 10^10 */
  if (remembered > kLargestState) throw Refusal{"the state of a row is too large"};
  step_ = std::make_unique<Plan>(plan(1, 1, Recording::none));
}

}  // namespace ensue
