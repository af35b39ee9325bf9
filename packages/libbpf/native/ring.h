// The consumer side of one BPF ring buffer, over the kernel's documented mmap layout. Not libbpf's
// ring_buffer: that one hands a record to a callback and cannot be told "not this one yet", so a record that
// does not fit the batch would have to be parked somewhere. Here it simply stays in the ring.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bridge {

constexpr size_t kFrameHeader = 8;

constexpr size_t FrameBytes(size_t length) { return kFrameHeader + ((length + 7) & ~size_t{7}); }

// Where records are copied to, one frame after the other.
struct Batch {
  uint8_t* data = nullptr;
  size_t capacity = 0;
  size_t used = 0;
  uint32_t records = 0;
  uint64_t bytes = 0;
};

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // 0 or an errno. Keeps its own descriptor, so the map may be closed meanwhile.
  int Open(int map_fd, size_t bytes);

  int fd() const { return fd_; }
  uint64_t ProducerPosition() const;
  // Moves committed records below `end` into the batch while they fit. Returns 0, or the frame size of the
  // first record that did not fit.
  size_t Fill(Batch& batch, uint64_t end);
  // Gives the mapping of the data back until it is needed again: its pages count as this process's memory.
  void UnmapData();
  // Whether there is anything below `end` that is not consumed yet, committed or not.
  bool Behind(uint64_t end) const { return position_ < end; }
  static constexpr uint64_t kNoEnd = UINT64_MAX;

 private:
  bool MapData();
  void CopyOut(uint8_t* out, uint64_t position, size_t length) const;

  int fd_ = -1;
  size_t page_ = 0;
  size_t bytes_ = 0;
  uint64_t position_ = 0;
  uint8_t* consumer_ = nullptr;
  uint8_t* producer_ = nullptr;
  uint8_t* data_ = nullptr;
};

}  // namespace bridge
