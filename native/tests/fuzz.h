/* What is fuzzed: each takes its decisions from bytes, and fails by a check, by a sanitizer, or by a crash. */
#ifndef ENSUE_TESTS_FUZZ_H
#define ENSUE_TESTS_FUZZ_H

#include "fuzz_bytes.h"

void fuzz_network(Bytes &bytes);
void fuzz_streams(Bytes &bytes);

/* Whether what the bytes describe could be built: a fuzzer that builds nothing, or everything, tests little. */
void count_outcome(bool built);

#endif
