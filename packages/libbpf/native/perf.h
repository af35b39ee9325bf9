// The consumer side of a BPF_MAP_TYPE_PERF_EVENT_ARRAY: one perf ring per CPU, read as one stream. Records stay in their
// ring until they are delivered, so what is held back is bounded by the rings; here is only an index of them.
#pragma once

#include "source.h"

#include <map>
#include <memory>

namespace bridge {

struct PerfOptions {
  // Of one CPU's ring: a power of two, and a multiple of the page size.
  size_t bytes = 0;
  uint32_t wakeup_bytes = 0;
  // Where in a record its true length (u32) and its key (u64) are; -1 = it has none.
  int64_t length_at = -1;
  int64_t order_at = -1;
};

// One CPU's ring and its perf event.
class PerfRing {
 public:
  struct Record {
    uint64_t key;
    uint64_t position;
    uint32_t length;
    uint16_t size;
    uint16_t ring;
  };

  explicit PerfRing(uint32_t cpu) : cpu_(cpu) {}
  ~PerfRing();
  PerfRing(const PerfRing&) = delete;
  PerfRing& operator=(const PerfRing&) = delete;

  // 0 or an errno; `what` says at what.
  int Open(const PerfOptions& options, const char** what);

  uint32_t cpu() const { return cpu_; }
  int fd() const { return fd_; }
  uint64_t BufferedBytes() const;
  // Adds the records that came since the last time, in the order of the ring.
  void Index(std::vector<Record>& out, uint16_t ring, const PerfOptions& options);
  void CopyOut(uint8_t* out, const Record& record) const;
  // The record is not needed any more; its space goes back once everything before it is not needed either.
  void Finish(const Record& record) { Free(record.position, record.position + record.size); }
  void Release();
  // Asks the kernel for losses that no record in the ring tells of yet (Linux 6.0).
  void AskLost();
  uint64_t lost() const { return lost_; }
  uint64_t TakeUnreportedLoss();
  // Samples without the field they should have, and samples that are none.
  uint64_t malformed() const { return malformed_; }
  uint64_t unreadable() const { return unreadable_; }

 private:
  template <typename T>
  T Read(uint64_t position) const {
    T value;
    CopyWrapped(&value, data_, bytes_, position, sizeof(T));
    return value;
  }
  bool Sample(Record& record, const PerfOptions& options);
  void Free(uint64_t start, uint64_t end);

  uint32_t cpu_;
  int fd_ = -1;
  bool counts_lost_ = false;
  size_t page_ = 0;
  size_t bytes_ = 0;
  uint8_t* control_ = nullptr;
  uint8_t* data_ = nullptr;
  // indexed_ >= freed_ >= released_: up to where it was read, is not needed any more, was given back.
  uint64_t indexed_ = 0;
  uint64_t freed_ = 0;
  uint64_t released_ = 0;
  // What is not needed any more behind something that still is: records leave out of order.
  std::map<uint64_t, uint64_t> gaps_;
  uint64_t lost_in_records_ = 0;
  uint64_t lost_ = 0;
  uint64_t reported_ = 0;
  uint64_t malformed_ = 0;
  uint64_t unreadable_ = 0;
};

class PerfSource : public Source {
 public:
  explicit PerfSource(const PerfOptions& options) : options_(options) {}
  ~PerfSource() override;

  int Open(int map_fd, const std::vector<uint32_t>& cpus, const char** what);

  std::vector<int> Descriptors() const override;
  void Collect(bool all) override;
  size_t Fill(Batch& batch) override;
  bool Holding() const override { return ready_end_ < records_.size(); }
  bool TakeLoss(Loss* loss) override;
  void Rest() override;
  void Detach() override;
  SourceStats Stats() const override;
  std::vector<Loss> Losses() override;
  uint64_t Pending() override;
  uint64_t BufferedBytes() const override;

 private:
  // Appends what is new; its largest key, 0 when nothing is.
  uint64_t Index();
  void Sort();

  PerfOptions options_;
  int map_fd_ = -1;
  std::vector<std::unique_ptr<PerfRing>> rings_;
  // Records in their rings: [next_, ready_end_) is to be delivered, what follows waits for the next round.
  std::vector<PerfRing::Record> records_;
  size_t next_ = 0;
  size_t ready_end_ = 0;
  // Starts of runs that are sorted within themselves, in records_.
  std::vector<size_t> runs_;
  uint64_t limit_ = 0;
  uint64_t last_key_ = 0;
  uint64_t out_of_order_ = 0;
  bool attached_ = false;
};

}  // namespace bridge
