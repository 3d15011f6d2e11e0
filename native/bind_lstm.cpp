/* The LSTM for training as Python sees it. Tensors come as addresses, which cost a tenth of what arrays do: the one caller,
 * ensue.learn.native_op, has looked at their types, sizes and strides, and holds them while the call runs. */
#include "buffers.h"
#include "ensue_core.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>
#include <type_traits>

namespace nb = nanobind;
using ensue::Buffer;

namespace {

using Bytes = nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>;

/* No name: what ENSUE_ISA names, or the fastest. */
const ensue_kernels &table_of(const char *name) {
  const ensue_kernels *table = ensue_find_kernels(*name == '\0' ? nullptr : name);
  if (table == nullptr)
    throw nb::value_error(
        ("there are no kernels " + std::string(*name ? name : "of the name in ENSUE_ISA") + " here").c_str());
  return *table;
}

template <typename T = void>
T *at(uintptr_t address) {
  return reinterpret_cast<T *>(address);
}

void check(int status) {
  static const char *const reasons[] = {"", "a size is below 1 or too large", "the storage of the weights is unknown",
                                        "a length is below 1 or above time",
                                        "more than one of a reserve, a trace and sums is asked for"};
  if (status != ENSUE_OK) throw nb::value_error(reasons[status]);
}

/* In front of a reserve: which call filled it. What another call left is not read as this one's. */
struct alignas(ENSUE_ALIGNMENT) Mark {
  char kernels[16];
  int64_t input_size, hidden_size, batch, time;
  int32_t threads, reverse;
  int64_t unused; /* no byte is left to chance: marks are compared as bytes */

  static Mark of(const ensue_kernels &table, const ensue_lstm_call &call) {
    Mark mark = {};
    std::strncpy(mark.kernels, table.name, sizeof(mark.kernels) - 1);
    mark.input_size = call.input_size;
    mark.hidden_size = call.hidden_size;
    mark.batch = call.batch;
    mark.time = call.time;
    mark.threads = call.threads;
    mark.reverse = call.reverse;
    return mark;
  }
};

static_assert(std::has_unique_object_representations_v<Mark>);

/* It was divided among threads as it was filled, and is read the same way. */
int32_t threads_of(uintptr_t reserve, size_t bytes) {
  if (reserve % ENSUE_ALIGNMENT != 0 || bytes < sizeof(Mark)) return 1; /* and is then refused */
  return std::max(at<Mark>(reserve)->threads, int32_t{1});
}

void check_reserve(const ensue_kernels &table, ensue_lstm_call call, uintptr_t reserve, size_t bytes) {
  call.lengths = nullptr; /* whatever they are, they ask for no more than whole rows do */
  if (reserve % ENSUE_ALIGNMENT != 0 || bytes < sizeof(Mark) || bytes - sizeof(Mark) < table.lstm_reserve_bytes(&call))
    throw nb::value_error("the reserve is too small or not aligned to 64 bytes");
}

using Sizes = std::tuple<int64_t, int64_t, int64_t, int64_t>; /* input, hidden, batch, time */

ensue_lstm_call call_of(const Sizes &sizes, uintptr_t lengths, bool reverse, int32_t threads) {
  ensue_lstm_call call = {};
  std::tie(call.input_size, call.hidden_size, call.batch, call.time) = sizes;
  if (call.input_size < 1 || call.hidden_size < 1 || call.batch < 1 || call.time < 1 || threads < 1)
    check(ENSUE_BAD_SHAPE);
  call.storage = ENSUE_FULL;
  call.lengths = at<const int64_t>(lengths);
  call.reverse = reverse;
  call.threads = threads;
  return call;
}

/* Weights as the kernels want them, with the sum of the two biases. */
class Packed {
 public:
  Packed(const ensue_kernels &table, const ensue_lstm_call &call, uintptr_t weight_ih, uintptr_t weight_hh, uintptr_t bias_ih,
         uintptr_t bias_hh)
      : packed_(table.lstm_bytes(call.input_size, call.hidden_size, ENSUE_FULL)) {
    const size_t gates = 4 * static_cast<size_t>(call.hidden_size);
    const Buffer bias(gates * sizeof(double));
    const auto add = table.real_bytes == 8 ? &add_up<double> : &add_up<float>;
    add(gates, bias_ih, bias_hh, bias.start());
    check(table.lstm_pack(call.input_size, call.hidden_size, at(weight_ih), at(weight_hh), bias.start(), ENSUE_FULL,
                          packed_.start()));
  }
  const void *start() const { return packed_.start(); }

 private:
  template <typename Real>
  static void add_up(size_t count, uintptr_t a, uintptr_t b, void *sum) {
    for (size_t each = 0; each < count; ++each) static_cast<Real *>(sum)[each] = at<Real>(a)[each] + at<Real>(b)[each];
  }

  Buffer packed_;
};

size_t state_bytes(const ensue_kernels &table, const ensue_lstm_call &call) {
  return static_cast<size_t>(call.batch * call.hidden_size) * static_cast<size_t>(table.real_bytes);
}

/* h and c are the state before and then the state after; `rests` says that it begins at zero, whatever they hold. */
void forward(const char *name, const Sizes &sizes, uintptr_t weight_ih, uintptr_t weight_hh, uintptr_t bias_ih,
             uintptr_t bias_hh, uintptr_t x, int64_t x_batch_stride, int64_t x_time_stride, uintptr_t y, uintptr_t h,
             uintptr_t c, bool rests, uintptr_t lengths, bool reverse, int32_t threads, uintptr_t reserve,
             size_t reserve_bytes) {
  const ensue_kernels &table = table_of(name);
  ensue_lstm_call call = call_of(sizes, lengths, reverse, threads);
  call.x = at(x);
  call.x_batch_stride = x_batch_stride;
  call.x_time_stride = x_time_stride;
  call.y = at(y);
  call.y_batch_stride = call.time * call.hidden_size;
  call.y_time_stride = call.hidden_size;
  call.h = at(h);
  call.c = at(c);
  if (reserve != 0) {
    check_reserve(table, call, reserve, reserve_bytes);
    call.reserve = at<Mark>(reserve) + 1;
  }
  const nb::gil_scoped_release released;
  if (rests) {
    std::memset(call.h, 0, state_bytes(table, call));
    std::memset(call.c, 0, state_bytes(table, call));
  }
  const Packed packed(table, call, weight_ih, weight_hh, bias_ih, bias_hh);
  call.weights = packed.start();
  const Buffer workspace(table.lstm_workspace_bytes(&call));
  call.workspace = workspace.start();
  check(table.lstm_forward(&call));
  if (reserve != 0) *at<Mark>(reserve) = Mark::of(table, call);
}

/* dh and dc hold the gradients of the state after, and then of the state before; 0: zero, and not wanted. */
void backward(const char *name, const Sizes &sizes, uintptr_t weight_ih, uintptr_t weight_hh, uintptr_t reserve,
              size_t reserve_bytes, uintptr_t dy, int64_t dy_batch_stride, int64_t dy_time_stride, uintptr_t dh, uintptr_t dc,
              uintptr_t dx, uintptr_t dweight_ih, uintptr_t dweight_hh, uintptr_t dbias, uintptr_t lengths, bool reverse) {
  const ensue_kernels &table = table_of(name);
  ensue_lstm_gradient_call call = {};
  call.forward = call_of(sizes, lengths, reverse, threads_of(reserve, reserve_bytes));
  check_reserve(table, call.forward, reserve, reserve_bytes);
  const Mark expected = Mark::of(table, call.forward);
  if (std::memcmp(at(reserve), &expected, sizeof(Mark)) != 0)
    throw nb::value_error("the reserve is not that of this call, expected what lstm_forward returned for the same sizes "
                          "and direction");
  call.forward.reserve = at<Mark>(reserve) + 1;
  call.dy = at(dy);
  call.dy_batch_stride = dy_batch_stride;
  call.dy_time_stride = dy_time_stride;
  call.dx = at(dx);
  call.dx_batch_stride = call.forward.time * call.forward.input_size;
  call.dx_time_stride = call.forward.input_size;
  call.dweight_ih = at(dweight_ih);
  call.dweight_hh = at(dweight_hh);
  call.dbias = at(dbias);
  const nb::gil_scoped_release released;
  const size_t one = state_bytes(table, call.forward);
  const Buffer zeros((dh ? 0 : one) + (dc ? 0 : one));
  std::memset(zeros.start(), 0, (dh ? 0 : one) + (dc ? 0 : one));
  call.dh = dh ? at(dh) : zeros.start();
  call.dc = dc ? at(dc) : static_cast<char *>(zeros.start()) + (dh ? 0 : one);
  const Buffer packed(table.lstm_back_bytes(call.forward.input_size, call.forward.hidden_size));
  check(table.lstm_pack_back(call.forward.input_size, call.forward.hidden_size, at(weight_ih), at(weight_hh),
                             packed.start()));
  call.weights = packed.start();
  const Buffer workspace(table.lstm_gradient_workspace_bytes(&call));
  call.workspace = workspace.start();
  check(table.lstm_backward(&call));
}

/* Comes back to the pool when the last array or tensor over it is gone. */
Bytes buffer(size_t bytes) {
  void *start = ensue::take_buffer(bytes);
  nb::capsule owner(start, [](void *given) noexcept { ensue::give_buffer(given); });
  return Bytes(start, {bytes}, owner);
}

}  // namespace

void bind_lstm(nb::module_ &module) {
  module.def("lstm_forward", &forward);
  module.def("lstm_backward", &backward);
  module.def("buffer", &buffer, nb::arg("bytes"));
}
