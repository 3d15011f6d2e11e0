#include "threads.h"

#include <algorithm>
#include <numeric>
#include <system_error>
#include <thread>
#include <vector>

// A call of the core that is worth two threads takes a hundred times longer than starting one. So no pool is kept: nothing
// to lock, to fork or to shut down, and no thread that spins while a user's own program wants the processor.
void ensue_in_parts(int parts, void (*work)(void *context, int part), void *context) {
  if (parts <= 1) return work(context, 0);
  std::vector<std::thread> threads;
  int part = 0;
  try {
    threads.reserve(static_cast<size_t>(parts - 1));
    for (; part < parts - 1; ++part) threads.emplace_back(work, context, part);
  } catch (const std::exception &) {
    // No more threads to be had: what is left is done here.
  }
  for (; part < parts; ++part) work(context, part);
  for (std::thread &each : threads) each.join();
}

void ensue_order_by_length(const int64_t *lengths, int64_t count, int64_t *order) {
  std::iota(order, order + count, int64_t{0});
  // Not stable_sort, which allocates.
  if (lengths)
    std::sort(order, order + count,
              [lengths](int64_t a, int64_t b) { return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b; });
}
