/* The contract of Ensue's native core: plain C, no Python, no PyTorch.
 *
 * The caller owns every buffer. Nothing declared here allocates or locks, unless its comment says so. Gates are in PyTorch's
 * order i, f, g, o and weights come in PyTorch's shapes: weight_ih (4 * hidden, input), weight_hh (4 * hidden, hidden).
 * Strides count numbers, not bytes; the last dimension is always contiguous. Letters: batch, time, features, hidden.
 *
 * Functions that say how many bytes a buffer has: 0 where a size is below 1, SIZE_MAX where there can be no such buffer.
 *
 * A table of kernels exists once for each instruction set. What one table has packed only that table can read.
 */
#ifndef ENSUE_CORE_H
#define ENSUE_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENSUE_ALIGNMENT 64 /* bytes: packed weights, reserves and workspaces begin at a multiple of this */

enum ensue_storage { ENSUE_FULL = 0, ENSUE_BF16 = 1, ENSUE_INT8 = 2 }; /* how packed weights are stored */

enum ensue_status {
  ENSUE_OK = 0,
  ENSUE_BAD_SHAPE = 1, /* a size below 1, or a product too large for the machine */
  ENSUE_BAD_STORAGE = 2,
  ENSUE_BAD_LENGTH = 3, /* a length below 1 or above time; forward without a reserve takes 0 */
  ENSUE_BAD_RECORD = 4  /* more than one of a reserve, a trace and sums is asked for */
};

/* What is added up of each unit at each step it reads. A gate is closed below 0.1 and open above 0.9; where its logarithm
 * is taken, a forget gate below 2^-63 (0: the least above it is 2^-25) counts as that. With w = |i * g|, written becomes
 * f * written + w, and aged f * (aged + written before): aged / written is the mean age, in steps, of what is in the cell. */
enum ensue_sum {
  ENSUE_LOG_FORGET = 0, /* ln f */
  ENSUE_CLOSED_I,
  ENSUE_OPEN_I,
  ENSUE_CLOSED_F,
  ENSUE_OPEN_F,
  ENSUE_CLOSED_O,
  ENSUE_OPEN_O,
  ENSUE_CELL, /* c */
  ENSUE_CELL_SQUARED,
  ENSUE_WRITTEN,
  ENSUE_AGED,
  ENSUE_SUMS
};

/* What a trace holds of each row and step, one after the other. */
enum ensue_traced { ENSUE_I = 0, ENSUE_F, ENSUE_G, ENSUE_O, ENSUE_C, ENSUE_H, ENSUE_TRACED };

/* One layer, one direction, over a batch of sequences. `real` is float, or double in the table "double". */
typedef struct ensue_lstm_call {
  int64_t input_size, hidden_size, batch, time;
  const void *weights;    /* from lstm_pack */
  int32_t storage;        /* what lstm_pack was told */
  int32_t reverse;        /* not 0: each row is read from its own end to its beginning */
  const void *x;          /* real, batch x time x input_size by the strides */
  int64_t x_batch_stride, x_time_stride;
  void *y;                /* real, batch x time x hidden_size by the strides: the hidden states; NULL: not wanted */
  int64_t y_batch_stride, y_time_stride;
  void *h, *c;            /* real, batch x hidden_size, contiguous: the state before, and after the call the state after */
  const int64_t *lengths; /* batch, or NULL where every row has `time` steps; y beyond a length is set to zero */
  void *reserve;          /* lstm_reserve_bytes for training, NULL otherwise */
  void *trace;            /* real, ENSUE_TRACED x batch x time x hidden_size by the strides, or NULL: every gate; beyond a
                           * length nothing is written */
  int64_t trace_stride, trace_batch_stride, trace_time_stride;
  double *sums;           /* ENSUE_SUMS of `sums_stride`, each batch x hidden_size contiguous, or NULL: they are moved on */
  int64_t sums_stride;    /* fastest where it is an odd multiple of 16: then no two sums fall on one place of a cache */
  void *workspace;        /* lstm_workspace_bytes */
  int32_t threads;        /* at most so many; with more than 1 the call starts threads, which allocates */
} ensue_lstm_call;

/* Backward through time over the same sequences. Gradients are written, not added to. */
typedef struct ensue_lstm_gradient_call {
  ensue_lstm_call forward; /* as it was called, threads too; x, y, h and c are not looked at, the reserve is read only */
  const void *weights;     /* from lstm_pack_back */
  const void *dy;          /* batch x time x hidden_size by the strides; NULL: zero */
  int64_t dy_batch_stride, dy_time_stride;
  void *dh, *dc;           /* batch x hidden_size: in, of the state after; out, of the state before */
  void *dx;                /* batch x time x input_size by the strides, or NULL: not wanted */
  int64_t dx_batch_stride, dx_time_stride;
  void *dweight_ih, *dweight_hh, *dbias; /* in PyTorch's shapes; dbias is that of each of the two biases */
  void *workspace;         /* lstm_gradient_workspace_bytes */
} ensue_lstm_gradient_call;

typedef struct ensue_kernels {
  const char *name;     /* "avx512", "avx2", "baseline", "neon"; "double" for gradient checks in float64 */
  int32_t width;        /* numbers in a vector */
  int32_t real_bytes;   /* 4, or 8 in the table "double" */

  /* y = W x (+ bias) for many x: W is n x k with rows `w_stride` apart, as torch.nn.Linear has it. */
  size_t (*matrix_bytes)(int64_t n, int64_t k, int32_t storage);
  int (*matrix_pack)(const void *w, int64_t w_stride, int64_t n, int64_t k, int32_t storage, void *packed);
  /* y (m x n) = x (m x k) W^T + bias; bias may be NULL; with `add` what y holds is added to. One thread. */
  void (*matrix_times)(const void *packed, int64_t n, int64_t k, int32_t storage, const void *x, int64_t x_stride,
                       int64_t m, const void *bias, void *y, int64_t y_stride, int32_t add);

  /* One LSTM layer in one direction. bias is the sum of bias_ih and bias_hh. */
  size_t (*lstm_bytes)(int64_t input_size, int64_t hidden_size, int32_t storage);
  int (*lstm_pack)(int64_t input_size, int64_t hidden_size, const void *weight_ih, const void *weight_hh,
                   const void *bias, int32_t storage, void *packed);
  size_t (*lstm_workspace_bytes)(const ensue_lstm_call *call);
  size_t (*lstm_reserve_bytes)(const ensue_lstm_call *call);
  int (*lstm_forward)(const ensue_lstm_call *call);
  /* One step of one row: x (input_size), h and c (hidden_size) in place; scratch of lstm_step_bytes. */
  size_t (*lstm_step_bytes)(int64_t input_size, int64_t hidden_size);
  void (*lstm_step)(const void *weights, int32_t storage, int64_t input_size, int64_t hidden_size, const void *x, void *h,
                    void *c, void *scratch);

  size_t (*lstm_back_bytes)(int64_t input_size, int64_t hidden_size);
  int (*lstm_pack_back)(int64_t input_size, int64_t hidden_size, const void *weight_ih, const void *weight_hh,
                        void *packed);
  size_t (*lstm_gradient_workspace_bytes)(const ensue_lstm_gradient_call *call);
  int (*lstm_backward)(const ensue_lstm_gradient_call *call);

  /* Element by element; x and y may be the same. */
  void (*tanh)(int64_t count, const void *x, void *y);
  void (*sigmoid)(int64_t count, const void *x, void *y);
} ensue_kernels;

/* The table of that name, or NULL where this machine or this build has none. With NULL: what ENSUE_ISA names, or else the
 * fastest there is; NULL where ENSUE_ISA names what cannot run here. */
const ensue_kernels *ensue_find_kernels(const char *name);

/* The names of the tables that run on this machine, fastest first, "double" not among them; ends with NULL. */
const char *const *ensue_isa_names(void);

#ifdef __cplusplus
}
#endif
#endif
