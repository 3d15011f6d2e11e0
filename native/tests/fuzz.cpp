/* Bytes for the fuzzers: from libFuzzer, which watches where they lead, or, without Clang, by chance from a seed.
 *
 *   fuzz_native [--seconds N] [--seed N]
 *
 * Prints how many inputs were tried. A failing input is written to fuzz-failure.bin; `fuzz_native FILE` tries it again.
 */
#include "fuzz.h"

#include "check.h"
#include "tables.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

long built[2] = {}, tried = 0; /* how many could not be built, and could */

void try_one(const uint8_t *data, size_t size) {
  ++tried;
  Bytes bytes(data, size);
  if (bytes.byte() % 2 == 0)
    fuzz_network(bytes);
  else
    fuzz_streams(bytes);
}

}  // namespace

void count_outcome(bool was_built) { ++built[was_built]; }

#if defined(ENSUE_LIBFUZZER)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    try_one(data, size);
  } catch (const check::Failure &failure) {
    std::fprintf(stderr, "%s\n", failure.what.c_str());
    std::abort();
  }
  return 0;
}

#else

namespace {

void write(const std::vector<uint8_t> &bytes) {
  if (std::FILE *file = std::fopen("fuzz-failure.bin", "wb")) {
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  }
}

std::vector<uint8_t> read(const char *path) {
  std::vector<uint8_t> bytes;
  if (std::FILE *file = std::fopen(path, "rb")) {
    for (int byte; (byte = std::fgetc(file)) != EOF;) bytes.push_back(static_cast<uint8_t>(byte));
    std::fclose(file);
  }
  return bytes;
}

bool holds(const std::vector<uint8_t> &bytes) {
  try {
    try_one(bytes.data(), bytes.size());
    return true;
  } catch (const check::Failure &failure) {
    std::printf("FAILED %s\n", failure.what.c_str());
  }
  return false;
}

}  // namespace

int main(int count, char **arguments) {
  if (count == 2) return holds(read(arguments[1])) ? 0 : 1;
  double seconds = 20;
  uint64_t seed = 1;
  for (int each = 1; each + 1 < count; each += 2)
    (std::string(arguments[each]) == "--seed" ? (void)(seed = std::strtoull(arguments[each + 1], nullptr, 10))
                                              : (void)(seconds = std::strtod(arguments[each + 1], nullptr)));
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  for (uint64_t turn = 0; passed() < seconds; ++turn) {
    Chance chance(seed * 1000003 + turn);
    std::vector<uint8_t> bytes(static_cast<size_t>(1 + chance.below(600)));
    for (uint8_t &each : bytes) each = static_cast<uint8_t>(chance.bits());
    write(bytes); /* first: what crashes can no longer be written */
    if (!holds(bytes)) return 1;
  }
  std::remove("fuzz-failure.bin");
  std::printf("%ld inputs in %.0f s from seed %llu: %ld built, %ld refused\n", tried, passed(),
              static_cast<unsigned long long>(seed), built[1], built[0]);
  return built[0] > 0 && built[1] > 0 ? 0 : 1;
}

#endif
