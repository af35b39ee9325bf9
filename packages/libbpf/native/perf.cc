#include "perf.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bridge {

namespace {

// Not in the headers of libbpf's time.
constexpr uint64_t kFormatLost = 1U << 4;
constexpr size_t kHeader = sizeof(perf_event_header);
// The header and the u32 size of the raw data.
constexpr size_t kSampleHeader = kHeader + sizeof(uint32_t);
// Giving space back costs a shared cache line, so not for every record.
constexpr uint64_t kReleaseBytes = 32 * 1024;

int OpenEvent(uint32_t cpu, uint32_t wakeup_bytes, uint64_t read_format) {
  perf_event_attr attr = {};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.sample_period = 1;
  attr.watermark = 1;
  attr.wakeup_watermark = wakeup_bytes;
  attr.read_format = read_format;
  return static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, static_cast<int>(cpu), -1, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

int PerfRing::Open(const PerfOptions& options, const char** what) {
  *what = "cannot open a perf event";
  fd_ = OpenEvent(cpu_, options.wakeup_bytes, kFormatLost);
  counts_lost_ = fd_ >= 0;
  if (fd_ < 0 && errno == EINVAL) fd_ = OpenEvent(cpu_, options.wakeup_bytes, 0);
  if (fd_ < 0) return errno;
  page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = options.bytes;
  *what = "cannot map a perf buffer into memory";
  void* base = mmap(nullptr, page_ + bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (base == MAP_FAILED) return errno;
  control_ = static_cast<uint8_t*>(base);
  data_ = control_ + page_;
  *what = "cannot enable a perf event";
  return ioctl(fd_, PERF_EVENT_IOC_ENABLE, 0) == 0 ? 0 : errno;
}

PerfRing::~PerfRing() {
  if (control_ != nullptr) munmap(control_, page_ + bytes_);
  if (fd_ >= 0) close(fd_);
}

bool PerfRing::Sample(Record& record, const PerfOptions& options) {
  if (record.size < kSampleHeader) return false;
  uint64_t payload = record.position + kSampleHeader;
  uint32_t raw = Read<uint32_t>(record.position + kHeader);
  // The kernel keeps the size of a sample in 16 bits and does not mind when it does not fit.
  if (raw > record.size - kSampleHeader) return false;
  record.length = raw;
  if (options.length_at >= 0) {
    uint64_t end = static_cast<uint64_t>(options.length_at) + sizeof(uint32_t);
    uint32_t length = raw < end ? 0 : Read<uint32_t>(payload + static_cast<uint64_t>(options.length_at));
    // Whatever a record says of itself, it is delivered: whole, when what it says cannot be.
    if (length >= end && length <= raw) record.length = length;
    else malformed_++;
  }
  if (options.order_at >= 0) {
    uint64_t at = static_cast<uint64_t>(options.order_at);
    if (at + sizeof(uint64_t) <= record.length) record.key = Read<uint64_t>(payload + at);
    else malformed_++;
  }
  return true;
}

void PerfRing::Index(std::vector<Record>& out, uint16_t ring, const PerfOptions& options) {
  auto* control = reinterpret_cast<perf_event_mmap_page*>(control_);
  uint64_t head = LoadAcquire(&control->data_head);
  while (indexed_ < head) {
    auto header = Read<perf_event_header>(indexed_);
    uint64_t start = indexed_;
    if (header.size < kHeader || header.size % 8 != 0 || header.size > head - start) {
      // No way to tell where the next record begins: start anew behind everything.
      unreadable_++;
      indexed_ = head;
      Free(start, head);
      break;
    }
    indexed_ += header.size;
    Record record = {0, start, 0, header.size, ring};
    if (header.type == PERF_RECORD_SAMPLE && Sample(record, options)) {
      out.push_back(record);
      continue;
    }
    if (header.type == PERF_RECORD_SAMPLE) unreadable_++;
    if (header.type == PERF_RECORD_LOST) {
      // { header, u64 id, u64 lost }
      lost_in_records_ += Read<uint64_t>(start + kHeader + sizeof(uint64_t));
      lost_ = std::max(lost_, lost_in_records_);
    }
    Free(start, indexed_);
  }
}

void PerfRing::CopyOut(uint8_t* out, const Record& record) const {
  CopyWrapped(out, data_, bytes_, record.position + kSampleHeader, record.length);
}

void PerfRing::Free(uint64_t start, uint64_t end) {
  if (start != freed_) {
    gaps_.emplace(start, end);
    return;
  }
  freed_ = end;
  for (auto it = gaps_.begin(); it != gaps_.end() && it->first == freed_; it = gaps_.erase(it)) freed_ = it->second;
  if (freed_ - released_ >= kReleaseBytes) Release();
}

void PerfRing::Release() {
  if (freed_ == released_) return;
  StoreRelease(&reinterpret_cast<perf_event_mmap_page*>(control_)->data_tail, freed_);
  released_ = freed_;
}

void PerfRing::AskLost() {
  // { value, lost }
  uint64_t counts[2] = {0, 0};
  if (counts_lost_ && read(fd_, counts, sizeof(counts)) == sizeof(counts)) lost_ = std::max(lost_, counts[1]);
}

uint64_t PerfRing::TakeUnreportedLoss() {
  uint64_t count = lost_ - reported_;
  reported_ = lost_;
  return count;
}

int PerfSource::Open(int map_fd, const std::vector<uint32_t>& cpus, const char** what) {
  *what = "cannot keep the map";
  map_fd_ = fcntl(map_fd, F_DUPFD_CLOEXEC, 3);
  if (map_fd_ < 0) return errno;
  for (uint32_t cpu : cpus) {
    auto ring = std::make_unique<PerfRing>(cpu);
    int error = ring->Open(options_, what);
    if (error != 0) return error;
    rings_.push_back(std::move(ring));
  }
  attached_ = true;
  *what = "cannot put a perf event into the map";
  for (auto& ring : rings_) {
    uint32_t key = ring->cpu();
    int value = ring->fd();
    int error = bpf_map_update_elem(map_fd_, &key, &value, BPF_ANY);
    if (error != 0) return -error;
  }
  return 0;
}

PerfSource::~PerfSource() {
  Detach();
  if (map_fd_ >= 0) close(map_fd_);
}

void PerfSource::Detach() {
  if (!attached_) return;
  attached_ = false;
  for (auto& ring : rings_) {
    uint32_t key = ring->cpu();
    bpf_map_delete_elem(map_fd_, &key);
  }
  // A grace period of the kernel: programs that had found the event in the map have written their record then.
  syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

std::vector<int> PerfSource::Descriptors() const {
  std::vector<int> out;
  for (auto& ring : rings_) out.push_back(ring->fd());
  return out;
}

uint64_t PerfSource::Index() {
  uint64_t highest = 0;
  for (size_t i = 0; i < rings_.size(); i++) {
    size_t start = records_.size();
    rings_[i]->Index(records_, static_cast<uint16_t>(i), options_);
    rings_[i]->Release();
    if (options_.order_at < 0) continue;
    // A program that interrupts another one may write its record first and have the later key: runs begin there too.
    for (size_t at = start; at < records_.size(); at++) {
      if (at == start || records_[at].key < records_[at - 1].key) runs_.push_back(at);
      highest = std::max(highest, records_[at].key);
    }
  }
  return highest;
}

void PerfSource::Sort() {
  auto less = [](const PerfRing::Record& a, const PerfRing::Record& b) { return a.key < b.key; };
  // Merges neighbouring runs until one is left. Stable, and fast because there are few runs.
  while (runs_.size() > 1) {
    std::vector<size_t> merged;
    for (size_t i = 0; i < runs_.size(); i += 2) {
      merged.push_back(runs_[i]);
      if (i + 1 == runs_.size()) break;
      size_t end = i + 2 < runs_.size() ? runs_[i + 2] : records_.size();
      auto at = [this](size_t index) { return records_.begin() + static_cast<ptrdiff_t>(index); };
      std::inplace_merge(at(runs_[i]), at(runs_[i + 1]), at(end), less);
    }
    runs_.swap(merged);
  }
}

void PerfSource::Collect(bool all) {
  if (next_ < ready_end_ && !all) return;
  records_.erase(records_.begin(), records_.begin() + static_cast<ptrdiff_t>(next_));
  next_ = 0;
  runs_.clear();
  // What is left is sorted.
  if (!records_.empty()) runs_.push_back(0);
  uint64_t highest = Index();
  if (options_.order_at >= 0) Sort();
  if (all) {
    for (auto& ring : rings_) ring->AskLost();
  }
  // What is older than something that the previous round read had been written when this round began (unless its
  // program was held up for a whole round: see out_of_order), so nothing that belongs before it can still come. The
  // rest has to wait for the next round.
  ready_end_ = records_.size();
  if (options_.order_at >= 0 && !all) {
    auto above = [](uint64_t limit, const PerfRing::Record& record) { return limit < record.key; };
    auto end = std::upper_bound(records_.begin(), records_.end(), limit_, above);
    ready_end_ = static_cast<size_t>(end - records_.begin());
  }
  limit_ = highest;
}

size_t PerfSource::Fill(Batch& batch) {
  size_t refused = 0;
  while (next_ < ready_end_) {
    const PerfRing::Record& record = records_[next_];
    uint8_t* out = batch.Claim(record.length);
    if (out == nullptr) {
      refused = FrameBytes(record.length);
      break;
    }
    PerfRing& ring = *rings_[record.ring];
    ring.CopyOut(out, record);
    ring.Finish(record);
    if (record.key < last_key_) out_of_order_++;
    last_key_ = record.key;
    next_++;
  }
  for (auto& ring : rings_) ring->Release();
  return refused;
}

void PerfSource::Rest() {
  if (records_.empty()) records_.shrink_to_fit();
}

bool PerfSource::TakeLoss(Loss* loss) {
  for (auto& ring : rings_) {
    *loss = {ring->TakeUnreportedLoss(), ring->cpu()};
    if (loss->records > 0) return true;
  }
  return false;
}

SourceStats PerfSource::Stats() const {
  SourceStats stats;
  stats.out_of_order = out_of_order_;
  for (auto& ring : rings_) {
    stats.malformed += ring->malformed();
    stats.unreadable += ring->unreadable();
  }
  return stats;
}

std::vector<Loss> PerfSource::Losses() {
  std::vector<Loss> out;
  for (auto& ring : rings_) {
    ring->AskLost();
    out.push_back({ring->lost(), ring->cpu()});
  }
  return out;
}

uint64_t PerfRing::BufferedBytes() const {
  return LoadAcquire(&reinterpret_cast<perf_event_mmap_page*>(control_)->data_head) - released_;
}

uint64_t PerfSource::BufferedBytes() const {
  uint64_t sum = 0;
  for (auto& ring : rings_) sum += ring->BufferedBytes();
  return sum;
}

uint64_t PerfSource::Pending() {
  Collect(true);
  return records_.size() - next_;
}

}  // namespace bridge
