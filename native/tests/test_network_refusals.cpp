/* Programs that cannot be: refused with a sentence, whatever is wrong with them. */
#include "programs.h"

namespace {

using ensue::Network;

std::string refusal(const ensue::Program &program, int storage = ENSUE_FULL) {
  std::string error;
  const auto network = Network::build(program, ensue_find_kernels(nullptr), storage, error);
  CHECK((network == nullptr) == !error.empty(), "it is built, and refused: ", error);
  return error;
}

TEST("a program with any number changed is built or refused, and what is built runs") {
  const int64_t changes[] = {-1, 0, 1, 2, 3, 100, 1000000000, 1000000001, INT64_MAX, INT64_MIN};
  const auto causal = causal_program(), pooling = pooling_program(), striding = striding_program();
  int refused = 0, ran = 0, turn = 0;
  for (const auto *made : {causal.get(), pooling.get(), striding.get()})
    for (size_t each = 0; each < made->program.size(); ++each)
      for (size_t number = 0; number < made->program[each].numbers.size(); ++number)
        for (const int64_t change : changes) {
          if (check::quick() && ++turn % 7 != 0) continue;
          ensue::Program program = made->program;
          program[each].numbers[number] = change;
          std::string error;
          const auto network = Network::build(program, ensue_find_kernels(nullptr), ENSUE_FULL, error);
          CHECK((network == nullptr) == !error.empty(), "it is built, and refused: ", error);
          ++(network == nullptr ? refused : ran);
          if (network == nullptr) continue;
          const int64_t time = 12;
          const size_t bytes = network->workspace_bytes(2, time, true, 1);
          if (bytes > size_t{1} << 26) continue;
          std::vector<std::vector<float>> states;
          std::vector<float *> pointers;
          for (const auto &shape : network->states) states.emplace_back(static_cast<size_t>(shape.rows * 2 * shape.size));
          for (auto &state : states) pointers.push_back(state.data());
          std::vector<float> x(static_cast<size_t>(2 * time * network->input_size), 1.0f);
          std::vector<float> anchors(static_cast<size_t>(2 * time * network->anchors + 1), 1.0f);
          std::vector<float> y(static_cast<size_t>(2 * time * network->output_size));
          void *workspace = nullptr;
          CHECK(posix_memalign(&workspace, ENSUE_ALIGNMENT, bytes + 1) == 0, "no memory");
          network->forward(x.data(), anchors.data(), pointers.data(), y.data(), 2, time, nullptr, true, workspace, 1);
          std::free(workspace);
        }
  CHECK(refused > 40 && ran > 4, refused, " refused, ", ran, " built");
}

TEST("instructions left out, doubled, cut short or without weights are built or refused") {
  const auto causal = causal_program(), pooling = pooling_program();
  int refused = 0;
  for (const auto *made : {causal.get(), pooling.get()})
    for (size_t each = 0; each < made->program.size(); ++each) {
      ensue::Program without = made->program, doubled = made->program, shorter = made->program, bare = made->program;
      ensue::Program longer = made->program, unknown = made->program, null = made->program;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(each));
      doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(each), doubled[each]);
      if (!shorter[each].numbers.empty()) shorter[each].numbers.pop_back();
      if (!bare[each].weights.empty()) bare[each].weights.pop_back();
      longer[each].numbers.push_back(1);
      unknown[each].kind += "\xff\n";
      for (ensue::Weight &weight : null[each].weights) weight.data = nullptr;
      for (const auto *program : {&without, &doubled, &shorter, &bare, &longer, &unknown, &null})
        refused += !refusal(*program).empty();
    }
  CHECK(refused > 70, refused);
}

TEST("what cannot be is said") {
  const auto said = [](Builder &made, const char *expected, int storage = ENSUE_FULL) {
    const std::string error = refusal(made.program, storage);
    CHECK(error == expected, "it says: ", error);
  };
  Builder none, unclosed, unopened, hollow, sizes, headed, deep, storage;
  said(none, "there are no layers");
  said(unclosed.add("residual", {}).add("rms_norm", {3}, {3}), "residual: its end is missing");
  said(unopened.add("rms_norm", {3}, {3}).add("end", {}), "residual: its end stands before its beginning");
  said(hollow.add("residual", {}).add("end", {}), "residual: it holds no layers");
  said(sizes.add("rms_norm", {3}, {3}).add("rms_norm", {4}, {4}), "size 3 is given to a layer that takes 4");
  said(headed.add("softmax_head", {3, 2}, {6, 2}).add("rms_norm", {2}, {2}),
       "a head stands before other layers, expected it last");
  for (int each = 0; each < 100; ++each) deep.add("residual", {});
  said(deep, "residual: they nest too deep");
  said(storage.add("rms_norm", {3}, {3}), "weights are to be kept in a way that does not exist", 3);
  std::string error;
  CHECK(
      Network::build(storage.program, nullptr, ENSUE_FULL, error) == nullptr && error == "the kernels are not for float32",
      error);
  CHECK(Network::build(storage.program, ensue_find_kernels("double"), ENSUE_FULL, error) == nullptr, "double is taken");
}

TEST("calls that cannot be are refused before anything is read") {
  const auto made = causal_program();
  const auto network = built(made->program, *ensue_find_kernels(nullptr));
  const int64_t most = INT64_MAX;
  float one = 0, *states[16] = {};
  alignas(ENSUE_ALIGNMENT) char workspace[64];
  const auto status = [&](const float *x, int64_t batch, int64_t time, void *memory, int threads, float *const *state) {
    return network->forward(x, &one, state, &one, batch, time, nullptr, true, memory, threads);
  };
  CHECK(status(&one, 0, 1, workspace, 1, states) == ensue::NETWORK_BAD_CALL, "a batch of 0");
  CHECK(status(&one, 1, 0, workspace, 1, states) == ensue::NETWORK_BAD_CALL, "a time of 0");
  CHECK(status(&one, -1, -1, workspace, 1, states) == ensue::NETWORK_BAD_CALL, "a batch of -1");
  CHECK(status(&one, 1, 1, workspace, 0, states) == ensue::NETWORK_BAD_CALL, "0 threads");
  CHECK(status(nullptr, 1, 1, workspace, 1, states) == ensue::NETWORK_BAD_CALL, "no x");
  CHECK(status(&one, 1, 1, nullptr, 1, states) == ensue::NETWORK_BAD_CALL, "no workspace");
  CHECK(status(&one, 1, 1, workspace, 1, nullptr) == ensue::NETWORK_BAD_CALL, "no states");
  for (const int64_t batch : {most, most / 2, int64_t{1} << 40})
    for (const int64_t time : {most, most / 2, int64_t{1} << 40})
      for (const int threads : {1, 64, 1 << 30}) network->workspace_bytes(batch, time, true, threads); /* no overflow */
  const auto pools = pooling_program();
  const auto pooled = built(pools->program, *ensue_find_kernels(nullptr));
  CHECK(pooled->workspace_bytes(1, most, true, 1) == SIZE_MAX, "there is room for ", most, " steps at once");
}

}  // namespace
