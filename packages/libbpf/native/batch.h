// Records on their way to JavaScript: one frame after the other, each a header, the bytes, zeros up to a multiple of 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bridge {

constexpr size_t kFrameHeader = 8;

constexpr size_t FrameBytes(size_t length) { return kFrameHeader + ((length + 7) & ~size_t{7}); }

struct Batch {
  uint8_t* data = nullptr;
  size_t capacity = 0;
  size_t used = 0;
  uint32_t records = 0;
  uint64_t bytes = 0;

  // Room for the bytes of one record, which the caller fills; null when it does not fit.
  uint8_t* Claim(uint32_t length) {
    size_t frame = FrameBytes(length);
    if (frame > capacity - used) return nullptr;
    uint8_t* out = data + used;
    uint32_t header[2] = {length, 0};
    std::memcpy(out, header, sizeof(header));
    // The buffer is reused: without this the pad would show bytes of an earlier record.
    std::memset(out + kFrameHeader + length, 0, frame - kFrameHeader - length);
    used += frame;
    records++;
    bytes += length;
    return out + kFrameHeader;
  }
};

inline uint64_t LoadAcquire(const void* address) {
  return __atomic_load_n(static_cast<const uint64_t*>(address), __ATOMIC_ACQUIRE);
}

inline void StoreRelease(void* address, uint64_t value) {
  __atomic_store_n(static_cast<uint64_t*>(address), value, __ATOMIC_RELEASE);
}

// Copies out of a ring of `size` bytes (a power of two), across its end if need be.
inline void CopyWrapped(void* out, const uint8_t* ring, size_t size, uint64_t position, size_t length) {
  size_t start = position & (size - 1);
  size_t first = length < size - start ? length : size - start;
  std::memcpy(out, ring + start, first);
  std::memcpy(static_cast<uint8_t*>(out) + first, ring, length - first);
}

}  // namespace bridge
