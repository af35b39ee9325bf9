// A source of records on the event loop: polls, drains into one reused ArrayBuffer, calls JavaScript once per batch.
#pragma once

#include "source.h"

#include <node_api.h>
#include <uv.h>

#include <memory>
#include <vector>

namespace bridge {

struct ReaderOptions {
  size_t batch_bytes;
  uint64_t flush_ms;
  uint32_t max_batches;
  // How long nothing must have come for the timer to stop until the next wake-up; 0 = it never stops.
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
  // Returns null and sets `error` when the loop refuses. `callback(batch: Uint8Array | undefined, n, cpu?)`: n is the
  // number of records; without a batch, the number of records that were lost on that CPU, or without a CPU the errno
  // of a failed poll.
  static Reader* Start(napi_env env, napi_value callback, std::unique_ptr<Source> source, const ReaderOptions& options,
                       int* error);

  void Pause();
  int Resume();
  void SetRef(bool ref);
  // Delivers what is there now. A JavaScript exception is left pending for the caller.
  void Drain();
  void Close();

  bool delivering() const { return depth_ > 0; }
  const ReaderStats& stats() const { return stats_; }
  Source& source() { return *source_; }

 private:
  enum class Next { kContinue, kEmpty, kStop };

  Reader(napi_env env, const ReaderOptions& options) : env_(env), options_(options) {}
  int Init(napi_value callback, std::unique_ptr<Source> source);
  int Watch(uv_loop_t* loop);
  // Takes the wake-up; returns 0 or the errno that a descriptor reports.
  int TakeWakeup();
  // Delivers up to max_batches batches, and sees to it that what is left gets its turn; returns whether there was
  // anything to deliver.
  bool Pump();
  // When to look again: at once when something is left, else after the flush interval, or when woken.
  void Schedule(bool any, bool more);
  Next Step(bool inside_javascript);
  // False when JavaScript threw.
  bool ReportLosses(bool inside_javascript);
  bool EnsureBuffer(napi_value* buffer);
  bool DeliverBatch(napi_value buffer, const Batch& batch, bool inside_javascript);
  // callback(undefined, number, cpu), cpu being undefined when it is -1
  bool DeliverNumber(double number, int64_t cpu, bool inside_javascript);
  bool Call(napi_value* arguments, bool inside_javascript);
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
  std::unique_ptr<Source> source_;
  // The source's descriptors behind an edge-triggered epoll: only wake-ups count. libuv's polling is level-triggered;
  // on a ring itself it would report every record that came without one.
  int epoll_ = -1;
  uv_poll_t poll_ = {};
  bool poll_open_ = false;
  uv_timer_t timer_ = {};
  int open_handles_ = 0;
  uint64_t last_record_ms_ = 0;
  int depth_ = 0;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace bridge
