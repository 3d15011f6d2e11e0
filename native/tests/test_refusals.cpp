/* What a call cannot be, and what is said of it; and many threads calling at once. */
#include "lstm_case.h"

#include <thread>

namespace {

TEST("sizes below 1 or too large for any machine are refused") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Case<Real> given(kernels, {2, 3, 4, 5}, false, false, 1);
    const int64_t most = INT64_MAX, much = int64_t{1} << 31, lot = int64_t{1} << 20;
    const Sizes bad[] = {
        {0, 3, 4, 5},    {2, 0, 4, 5},       {2, 3, 0, 5},       {2, 3, 4, 0},         {-1, 3, 4, 5},
        {2, -3, 4, 5},   {most, 3, 4, 5},    {2, most, 4, 5},    {2, 3, most, 5},      {2, 3, 4, most},
        {2, much, 4, 5}, {much, much, 4, 5}, {2, 3, much, much}, {lot, lot, lot, lot}, {most, most, most, most}};
    for (const Sizes &sizes : bad) {
      ensue_lstm_call call = given.call;
      call.input_size = sizes.input;
      call.hidden_size = sizes.hidden;
      call.batch = sizes.batch;
      call.time = sizes.time;
      CHECK(kernels.lstm_forward(&call) == ENSUE_BAD_SHAPE, kernels.name, " ", sizes, " runs");
      const bool below = std::min({sizes.input, sizes.hidden, sizes.batch, sizes.time}) < 1;
      const size_t no_size = below ? 0 : SIZE_MAX;
      CHECK(kernels.lstm_workspace_bytes(&call) == no_size, kernels.name, " ", sizes, " has a workspace");
      CHECK(kernels.lstm_reserve_bytes(&call) == no_size, kernels.name, " ", sizes, " has a reserve");
      ensue_lstm_gradient_call back = {};
      back.forward = call;
      CHECK(kernels.lstm_backward(&back) == ENSUE_BAD_SHAPE, kernels.name, " ", sizes, " runs back");
      CHECK(kernels.lstm_gradient_workspace_bytes(&back) == no_size, kernels.name, " ", sizes, " has a workspace back");
    }
    const Sizes layers[] = {{0, 3, 1, 1},       {2, 0, 1, 1},    {most, 3, 1, 1}, {2, most, 1, 1},
                            {most, most, 1, 1}, {2, much, 1, 1}, {-5, 3, 1, 1}};
    for (const Sizes &sizes : layers) {
      Real none = 0;
      const size_t no_size = std::min(sizes.input, sizes.hidden) < 1 ? 0 : SIZE_MAX;
      CHECK(kernels.lstm_bytes(sizes.input, sizes.hidden, ENSUE_FULL) == no_size, kernels.name, " ", sizes, " has a size");
      CHECK(kernels.lstm_back_bytes(sizes.input, sizes.hidden) == no_size, kernels.name, " ", sizes, " has a size back");
      CHECK(kernels.lstm_step_bytes(sizes.input, sizes.hidden) == no_size, kernels.name, " ", sizes, " has a step");
      CHECK(kernels.lstm_pack(sizes.input, sizes.hidden, &none, &none, &none, ENSUE_FULL, &none) == ENSUE_BAD_SHAPE,
            kernels.name, " ", sizes, " is packed");
      CHECK(kernels.lstm_pack_back(sizes.input, sizes.hidden, &none, &none, &none) == ENSUE_BAD_SHAPE, kernels.name, " ",
            sizes, " is packed for the way back");
    }
  });
}

TEST("lengths that cannot be, and unknown storages, are refused before anything is written") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    for (const int64_t bad : {int64_t{0}, int64_t{-1}, int64_t{6}, INT64_MAX, INT64_MIN}) {
      Case<Real> given(kernels, {2, 3, 4, 5}, false, false, 1);
      given.lengths = {5, 1, bad, bad};
      ensue_lstm_call call = Forward<Real>::call_of(given, 5);
      Numbers<Real> h(given.h);
      call.h = h.data();
      if (bad == 0) call.reserve = &call; /* only what training keeps is of one step or more */
      CHECK(kernels.lstm_forward(&call) == ENSUE_BAD_LENGTH, kernels.name, " takes a length of ", bad);
      CHECK(kernels.lstm_reserve_bytes(&call) == SIZE_MAX, kernels.name, " has a reserve for a length of ", bad);
      CHECK(h[0] == given.h[0], kernels.name, " has written");
    }
    for (const int storage : {-1, 3, 1 << 30}) {
      Case<Real> given(kernels, {2, 3, 4, 5}, false, false, 1);
      given.call.storage = storage;
      CHECK(kernels.lstm_forward(&given.call) == ENSUE_BAD_STORAGE, kernels.name, " knows storage ", storage);
    }
    if (sizeof(Real) == 8) {
      Case<Real> given(kernels, {2, 3, 4, 5}, false, false, 1);
      given.call.storage = ENSUE_BF16;
      CHECK(kernels.lstm_forward(&given.call) == ENSUE_BAD_STORAGE, "double runs in bf16");
    }
  });
}

TEST("threads below 1 are one") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Case<Real> one(kernels, {2, 33, 40, 50}, false, false, 1), none(kernels, {2, 33, 40, 50}, false, false, -3);
    const Forward<Real> found(one, false), other(none, false);
    CHECK(found.y.same_bits(other.y), kernels.name, ": they differ");
  });
}

TEST("names of tables: those that run here are found, others are not") {
  CHECK(ensue_find_kernels(nullptr) != nullptr, "there is no table for this machine");
  CHECK(ensue_find_kernels("double") != nullptr, "there is no table double");
  for (const char *name : {"", "AVX2", "avx1024", "doubl"}) CHECK(ensue_find_kernels(name) == nullptr, name, " is found");
  each_table([](const ensue_kernels &kernels, auto zero) {
    CHECK(kernels.real_bytes == static_cast<int32_t>(sizeof zero), kernels.name, " has numbers of ", kernels.real_bytes);
    CHECK(ensue_find_kernels(kernels.name) == &kernels, kernels.name, " is another table");
  });
}

/* Several threads with the same weights, each with a batch of its own, each batch on two threads more. */
TEST("many threads at once give what one gives, bit for bit") {
  each_table([](const ensue_kernels &kernels, auto zero) {
    using Real = decltype(zero);
    const Case<Real> given(kernels, {9, 40, 37, 30}, true, false, 2);
    const Forward<Real> alone(given, true);
    constexpr int count = 4;
    bool same[count] = {};
    std::vector<std::thread> threads;
    for (int each = 0; each < count; ++each)
      threads.emplace_back([&, each] {
        same[each] = true;
        for (int again = 0; again < 3; ++again) {
          const Forward<Real> found(given, again % 2 == 0);
          if (again % 2 == 0) same[each] = same[each] && found.y.same_bits(alone.y) && found.c.same_bits(alone.c);
        }
      });
    for (std::thread &each : threads) each.join();
    for (const bool each : same) CHECK(each, kernels.name, ": a thread found something else");
  });
}

}  // namespace
