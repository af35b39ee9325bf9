#include "ring.h"

#include <linux/bpf.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bridge {

namespace {

// Giving space back to the producers costs a shared cache line, so not for every record.
constexpr uint64_t kReleaseBytes = 32 * 1024;

}  // namespace

int Ring::Open(int map_fd, size_t bytes) {
  fd_ = fcntl(map_fd, F_DUPFD_CLOEXEC, 3);
  if (fd_ < 0) return errno;
  page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = bytes;
  void* consumer = mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (consumer == MAP_FAILED) return errno;
  consumer_ = static_cast<uint8_t*>(consumer);
  void* producer = mmap(nullptr, page_, PROT_READ, MAP_SHARED, fd_, static_cast<off_t>(page_));
  if (producer == MAP_FAILED) return errno;
  producer_ = static_cast<uint8_t*>(producer);
  position_ = LoadAcquire(consumer_);
  // Fails now rather than in the middle of reading, if it has to.
  if (!MapData()) return errno;
  UnmapData();
  return 0;
}

bool Ring::MapData() {
  if (data_ != nullptr) return true;
  void* data = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd_, static_cast<off_t>(2 * page_));
  if (data == MAP_FAILED) return false;
  data_ = static_cast<uint8_t*>(data);
  return true;
}

void Ring::UnmapData() {
  if (data_ != nullptr) munmap(data_, bytes_);
  data_ = nullptr;
}

Ring::~Ring() {
  if (consumer_ != nullptr) munmap(consumer_, page_);
  if (producer_ != nullptr) munmap(producer_, page_);
  UnmapData();
  if (fd_ >= 0) close(fd_);
}

uint64_t Ring::ProducerPosition() const { return LoadAcquire(producer_); }

size_t Ring::Fill(Batch& batch, uint64_t end) {
  uint64_t released = position_;
  size_t refused = 0;
  uint64_t produced = ProducerPosition();
  if (position_ >= produced || !MapData()) return 0;
  // Discarded records fill no batch: bounded by the ring's size, a storm of them cannot hold the thread.
  end = std::min(end, position_ + bytes_);
  while (position_ < produced && position_ < end) {
    const uint8_t* record = data_ + (position_ & (bytes_ - 1));
    uint32_t header = __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
    if (header & BPF_RINGBUF_BUSY_BIT) break;
    uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
      uint8_t* out = batch.Claim(length);
      if (out == nullptr) {
        refused = FrameBytes(length);
        break;
      }
      CopyWrapped(out, data_, bytes_, position_ + BPF_RINGBUF_HDR_SZ, length);
    }
    position_ += (static_cast<uint64_t>(length) + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7};
    if (position_ - released >= kReleaseBytes) {
      StoreRelease(consumer_, position_);
      released = position_;
    }
    if (position_ == produced) produced = ProducerPosition();
  }
  if (position_ != released) {
    StoreRelease(consumer_, position_);
    // A producer decides by the consumer's position whether to wake; so it must be visible before the next look
    // at the producer's, or both sides could take the ring for settled.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
  }
  return refused;
}

int RingSource::Add(int map_fd, size_t bytes) {
  auto ring = std::make_unique<Ring>();
  int error = ring->Open(map_fd, bytes);
  if (error != 0) return error;
  rings_.push_back(std::move(ring));
  ends_.push_back(Ring::kNoEnd);
  return 0;
}

std::vector<int> RingSource::Descriptors() const {
  std::vector<int> out;
  for (auto& ring : rings_) out.push_back(ring->fd());
  return out;
}

void RingSource::Collect(bool all) {
  for (size_t i = 0; i < rings_.size(); i++) ends_[i] = all ? rings_[i]->ProducerPosition() : Ring::kNoEnd;
}

size_t RingSource::Fill(Batch& batch) {
  size_t count = rings_.size();
  for (size_t i = 0; i < count; i++) {
    size_t index = (next_ + i) % count;
    size_t refused = rings_[index]->Fill(batch, ends_[index]);
    if (refused > 0) {
      // A record larger than the whole batch keeps its ring's turn; otherwise the next ring starts.
      next_ = batch.used == 0 ? index : (index + 1) % count;
      return refused;
    }
  }
  return 0;
}

uint64_t RingSource::BufferedBytes() const {
  uint64_t sum = 0;
  for (auto& ring : rings_) sum += ring->BufferedBytes();
  return sum;
}

void RingSource::Rest() {
  for (auto& ring : rings_) ring->UnmapData();
}

}  // namespace bridge
