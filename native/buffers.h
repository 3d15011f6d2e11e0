/* Large buffers that are used again. A page of fresh memory is cleared by the system when it is first touched; for what a
 * training step keeps, hundreds of megabytes, that costs as much as a good part of the step. So what a step gives back the
 * next one takes. */
#ifndef ENSUE_BUFFERS_H
#define ENSUE_BUFFERS_H

#include <stddef.h>

namespace ensue {

/* At least so many bytes, aligned to ENSUE_ALIGNMENT, with anything in them; throws std::bad_alloc. */
void *take_buffer(size_t bytes);

/* From take_buffer; kept for the next one, up to 256 MB of them, the latest first. */
void give_buffer(void *buffer) noexcept;

/* A buffer as long as this lives. */
class Buffer {
 public:
  explicit Buffer(size_t bytes) : start_(take_buffer(bytes)) {}
  ~Buffer() { give_buffer(start_); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  void *start() const { return start_; }

 private:
  void *start_;
};

}  // namespace ensue
#endif
