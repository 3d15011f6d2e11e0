/* What the kernels need of the C++ library, compiled once for every machine. */
#ifndef ENSUE_THREADS_H
#define ENSUE_THREADS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* work(context, part) for part 0 .. parts - 1, each in a thread of its own, the last in the caller's. Where a thread cannot be
 * started its part is done by the caller. */
void ensue_in_parts(int parts, void (*work)(void *context, int part), void *context);

/* Rows by descending length, equal ones in their order; with no lengths 0, 1, 2, ... */
void ensue_order_by_length(const int64_t *lengths, int64_t count, int64_t *order);

#ifdef __cplusplus
}
#endif
#endif
