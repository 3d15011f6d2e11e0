#include "buffers.h"

#include "ensue_core.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <vector>

namespace ensue {
namespace {

constexpr size_t WORTH_KEEPING = size_t{1} << 18; /* below, the C library keeps what it is given back by itself */
constexpr size_t MOST_IDLE = size_t{1} << 28;
constexpr std::align_val_t ALIGNED{ENSUE_ALIGNMENT};

/* In front of every buffer, and as long as its alignment. */
struct alignas(ENSUE_ALIGNMENT) Head {
  size_t bytes;
};

Head *head_of(void *buffer) { return static_cast<Head *>(buffer) - 1; }

void release(Head *head) noexcept { ::operator delete(head, ALIGNED); }

/* Shapes differ from step to step: eight sizes for each doubling, so that a slightly longer batch finds the last one's. */
size_t rounded(size_t bytes) {
  size_t step = WORTH_KEEPING / 8;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

class Idle {
 public:
  /* The smallest that is large enough and not twice too large, or NULL. */
  Head *take(size_t bytes) {
    const std::lock_guard<std::mutex> locked(mutex_);
    size_t best = buffers_.size();
    for (size_t each = 0; each < buffers_.size(); ++each)
      if (buffers_[each]->bytes >= bytes && buffers_[each]->bytes / 2 <= bytes &&
          (best == buffers_.size() || buffers_[each]->bytes <= buffers_[best]->bytes))
        best = each;
    return best < buffers_.size() ? remove(best) : nullptr;
  }

  /* False where it cannot be kept. */
  bool give(Head *head) noexcept try {
    const std::lock_guard<std::mutex> locked(mutex_);
    if (head->bytes > MOST_IDLE) return false;
    buffers_.reserve(buffers_.size() + 1);
    while (held_ + head->bytes > MOST_IDLE) release(remove(0));
    buffers_.push_back(head);
    held_ += head->bytes;
    return true;
  } catch (const std::exception &) {
    return false;
  }

 private:
  Head *remove(size_t index) {
    Head *head = buffers_[index];
    buffers_.erase(buffers_.begin() + static_cast<std::ptrdiff_t>(index));
    held_ -= head->bytes;
    return head;
  }

  std::mutex mutex_;
  std::vector<Head *> buffers_; /* the one given back longest ago first */
  size_t held_ = 0;
};

/* Never destroyed: a buffer may come back while the process is ending. */
Idle &idle() {
  static Idle *const buffers = new Idle;
  return *buffers;
}

}  // namespace

void *take_buffer(size_t bytes) {
  if (bytes > SIZE_MAX / 2) throw std::bad_alloc();
  if (bytes >= WORTH_KEEPING) {
    bytes = rounded(bytes);
    if (Head *head = idle().take(bytes)) return head + 1;
  }
  return new (::operator new(sizeof(Head) + bytes, ALIGNED)) Head{bytes} + 1;
}

void give_buffer(void *buffer) noexcept {
  Head *head = head_of(buffer);
  if (head->bytes < WORTH_KEEPING || !idle().give(head)) release(head);
}

}  // namespace ensue
