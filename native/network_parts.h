/* What network_build.cpp makes and network.cpp runs. */
#ifndef ENSUE_NETWORK_PARTS_H
#define ENSUE_NETWORK_PARTS_H

#include "layers.h"

#include <atomic>

namespace ensue {

constexpr int kInput = 0, kOutput = 1, kInternal = 2; /* buffers; the first two stand for the caller's x and y */
constexpr size_t kMostBuffers = 64;

/* A layer, or where that is NULL the sum of `in` and `kept`. */
struct Network::Op {
  const Layer *layer;
  int in, out, kept;
  int64_t size; /* of what comes out */
};

/* A batch is cut into so many tiles, of `rows` rows or one fewer, and a sequence into spans of `steps`, the last one shorter;
 * and where everything of a piece stands in the workspace. */
struct Network::Plan {
  int64_t tiles, rows, steps;
  size_t buffers[kMostBuffers], lengths, scratch, bytes;
};

struct Network::Call {
  const float *x, *anchors;
  float *const *states;
  float *y; /* NULL: not wanted */
  int64_t batch, time, output_time;
  const int64_t *lengths;
  size_t ops;    /* as many as are run */
  int result;    /* the buffer that then holds what is wanted */
  int64_t size;  /* of what is wanted */
  const Plan *plan;
  const Record *records; /* NULL: none are wanted */
};

}  // namespace ensue

#endif
