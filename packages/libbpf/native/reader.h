// Ring buffers on the event loop: polls, drains into one reused ArrayBuffer, calls JavaScript once per batch.
#pragma once

#include "ring.h"

#include <node_api.h>
#include <uv.h>

#include <memory>
#include <vector>

namespace bridge {

struct ReaderOptions {
  size_t batch_bytes;
  uint64_t flush_ms;
  uint32_t max_batches;
  // How long the rings must have been empty for the timer to stop until the next wake-up; 0 = it never stops.
  uint64_t rest_after_ms;
};

struct ReaderStats {
  uint64_t batches = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t poll_wakeups = 0;
  uint64_t timer_wakeups = 0;
  uint64_t timer_ticks = 0;
};

// Frees itself: the loop still owns the uv handles for a while after Close().
class Reader {
 public:
  // Returns null and sets `error` when the loop refuses. `callback(batch: Uint8Array | undefined, n)`: n is the
  // number of records, or the errno of a failed poll when there is no batch.
  static Reader* Start(napi_env env, napi_value callback, std::vector<std::unique_ptr<Ring>> rings,
                       const ReaderOptions& options, int* error);

  void Pause();
  int Resume();
  void SetRef(bool ref);
  // Delivers what is in the rings now. A JavaScript exception is left pending for the caller.
  void Drain();
  void Close();

  bool delivering() const { return depth_ > 0; }
  const ReaderStats& stats() const { return stats_; }

 private:
  // A ring behind an edge-triggered epoll of its own: only the wake-ups that the programs send count. libuv's
  // polling is level-triggered; on the ring itself it would report every record that came without one.
  struct Watch {
    ~Watch() { CloseDescriptors(); }
    int Open(uv_loop_t* loop);
    // Takes the wake-up; returns 0 or the errno that the ring reports.
    int TakeWakeup();
    void CloseDescriptors();

    Reader* reader = nullptr;
    std::unique_ptr<Ring> ring;
    int epoll = -1;
    uv_poll_t poll = {};
  };
  enum class Next { kContinue, kEmpty, kStop };

  Reader(napi_env env, const ReaderOptions& options) : env_(env), options_(options) {}
  int Init(napi_value callback, std::vector<std::unique_ptr<Ring>> rings);
  // Delivers up to max_batches batches, and sees to it that what is left gets its turn; returns whether there was
  // anything to deliver.
  bool Pump();
  // When to look again: at once when something is left, else after the flush interval, or when woken.
  void Schedule(bool any, bool more);
  Next Step(const std::vector<uint64_t>* ends, bool inside_javascript);
  size_t FillFrom(Batch& batch, const std::vector<uint64_t>* ends);
  bool EnsureBuffer(napi_value* buffer);
  bool Deliver(napi_value buffer, size_t used, uint32_t number, bool inside_javascript);
  void Release();
  void HandleClosed();

  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnTimer(uv_timer_t* timer);
  static void OnCleanup(napi_async_cleanup_hook_handle hook, void* reader);

  napi_env env_;
  ReaderOptions options_;
  ReaderStats stats_;
  napi_ref callback_ = nullptr;
  napi_ref buffer_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::vector<std::unique_ptr<Watch>> watches_;
  uv_timer_t timer_ = {};
  size_t next_ring_ = 0;
  int open_handles_ = 0;
  uint64_t last_record_ms_ = 0;
  int depth_ = 0;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace bridge
