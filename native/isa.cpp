/* Which tables of kernels this machine can run, and which one does. Compiled for the plainest machine, so that asking
 * is safe everywhere. */
#include "ensue_core.h"

#include <cstdlib>
#include <cstring>

extern "C" {
#ifdef ENSUE_HAS_AVX512
extern const ensue_kernels ensue_kernels_avx512;
#endif
#ifdef ENSUE_HAS_AVX2
extern const ensue_kernels ensue_kernels_avx2;
#endif
#ifdef ENSUE_HAS_NEON
extern const ensue_kernels ensue_kernels_neon;
#endif
#ifdef ENSUE_HAS_BASELINE
extern const ensue_kernels ensue_kernels_baseline;
#endif
extern const ensue_kernels ensue_kernels_double;
}

namespace ensue {
namespace {

constexpr int most_tables = 3;

#ifdef ENSUE_HAS_AVX2
bool runs_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

#ifdef ENSUE_HAS_AVX512
bool runs_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && runs_avx2();
}
#endif

/* Found out once; whoever asks first pays for it. */
struct Machine {
  const ensue_kernels *tables[most_tables] = {}; /* fastest first */
  const char *names[most_tables + 1] = {};
  int count = 0;
  const ensue_kernels *chosen = nullptr;

  void add(const ensue_kernels &table) {
    tables[count] = &table;
    names[count++] = table.name;
  }

  const ensue_kernels *find(const char *name) const {
    for (int i = 0; i < count; ++i)
      if (std::strcmp(names[i], name) == 0) return tables[i];
    return nullptr;
  }

  Machine() {
#ifdef ENSUE_HAS_AVX512
    if (runs_avx512()) add(ensue_kernels_avx512);
#endif
#ifdef ENSUE_HAS_AVX2
    if (runs_avx2()) add(ensue_kernels_avx2);
#endif
#ifdef ENSUE_HAS_NEON
    add(ensue_kernels_neon); /* every 64-bit ARM has it */
#endif
#ifdef ENSUE_HAS_BASELINE
    add(ensue_kernels_baseline);
#endif
    const char *wanted = std::getenv("ENSUE_ISA");
    chosen = wanted == nullptr || *wanted == '\0' ? tables[0] : find(wanted);
  }
};

const Machine &machine() {
  static const Machine found;
  return found;
}

}  // namespace
}  // namespace ensue

extern "C" {

const ensue_kernels *ensue_find_kernels(const char *name) {
  if (name == nullptr) return ensue::machine().chosen;
  if (std::strcmp(name, ensue_kernels_double.name) == 0) return &ensue_kernels_double;
  return ensue::machine().find(name);
}

const char *const *ensue_isa_names(void) { return ensue::machine().names; }

}  // extern "C"
