// Where a Reader's records come from: ring buffers (ring.h) or perf buffers (perf.h).
#pragma once

#include "batch.h"

#include <vector>

namespace bridge {

// Records that the kernel dropped because the reader was too slow.
struct Loss {
  uint64_t records = 0;
  uint32_t cpu = 0;
};

struct SourceStats {
  uint64_t out_of_order = 0;
  uint64_t malformed = 0;
  uint64_t unreadable = 0;
};

class Source {
 public:
  virtual ~Source() = default;

  // What wakes the reader.
  virtual std::vector<int> Descriptors() const = 0;
  // Settles what Fill() may take until the next call. `all`: everything that is there now, and nothing that comes
  // later; otherwise what one turn should take.
  virtual void Collect(bool all) = 0;
  // Moves records into the batch while they fit. Returns 0, or the frame size of the first one that did not fit.
  virtual size_t Fill(Batch& batch) = 0;
  // Whether something was collected that only a later Collect() lets out.
  virtual bool Holding() const { return false; }
  // The next loss that was not reported yet.
  virtual bool TakeLoss(Loss*) { return false; }
  // Nothing has come for a while: memory that is not needed can go.
  virtual void Rest() {}
  // No further records come. Where the source cannot say so to the programs, they do.
  virtual void Detach() {}

  // Figures that not every source has.
  virtual SourceStats Stats() const { return {}; }
  virtual std::vector<Loss> Losses() { return {}; }
  virtual uint64_t Pending() { return 0; }
  // Bytes of the kernel's buffers that are taken.
  virtual uint64_t BufferedBytes() const = 0;
};

}  // namespace bridge
