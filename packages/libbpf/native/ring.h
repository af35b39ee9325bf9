// The consumer side of BPF ring buffers, over the kernel's documented mmap layout. Not libbpf's
// ring_buffer: that one hands a record to a callback and cannot be told "not this one yet", so a record that
// does not fit the batch would have to be parked somewhere. Here it simply stays in the ring.
#pragma once

#include "source.h"

#include <memory>

namespace bridge {

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
  uint64_t BufferedBytes() const { return ProducerPosition() - position_; }
  // Moves committed records below `end` into the batch while they fit. Returns 0, or the frame size of the
  // first record that did not fit.
  size_t Fill(Batch& batch, uint64_t end);
  // Gives the mapping of the data back until it is needed again: its pages count as this process's memory.
  void UnmapData();
  static constexpr uint64_t kNoEnd = UINT64_MAX;

 private:
  bool MapData();

  int fd_ = -1;
  size_t page_ = 0;
  size_t bytes_ = 0;
  uint64_t position_ = 0;
  uint8_t* consumer_ = nullptr;
  uint8_t* producer_ = nullptr;
  uint8_t* data_ = nullptr;
};

// Several rings, each in its own order.
class RingSource : public Source {
 public:
  int Add(int map_fd, size_t bytes);

  std::vector<int> Descriptors() const override;
  void Collect(bool all) override;
  size_t Fill(Batch& batch) override;
  void Rest() override;
  uint64_t BufferedBytes() const override;

 private:
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<uint64_t> ends_;
  size_t next_ = 0;
};

}  // namespace bridge
