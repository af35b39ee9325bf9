#include "reader.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bridge {

Reader* Reader::Start(napi_env env, napi_value callback, std::unique_ptr<Source> source, const ReaderOptions& options,
                      int* error) {
  Reader* reader = new Reader(env, options);
  *error = reader->Init(callback, std::move(source));
  if (*error == 0) *error = reader->Resume();
  if (*error == 0) return reader;
  reader->Close();
  return nullptr;
}

int Reader::Init(napi_value callback, std::unique_ptr<Source> source) {
  uv_loop_t* loop = nullptr;
  napi_value name = nullptr;
  source_ = std::move(source);
  // The hook comes first: from here on Close() is the one way out, and it ends by removing the hook.
  if (napi_add_async_cleanup_hook(env_, OnCleanup, this, &hook_) != napi_ok) return ENOMEM;
  if (napi_get_uv_event_loop(env_, &loop) != napi_ok ||
      napi_create_string_utf8(env_, "libbpf.Reader", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env_, nullptr, name, &context_) != napi_ok ||
      napi_create_reference(env_, callback, 1, &callback_) != napi_ok) {
    return ENOMEM;
  }
  int error = uv_timer_init(loop, &timer_);
  if (error != 0) return -error;
  timer_.data = this;
  open_handles_++;
  error = Watch(loop);
  paused_ = true;
  return error;
}

int Reader::Watch(uv_loop_t* loop) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return errno;
  for (int fd : source_->Descriptors()) {
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLET;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return errno;
  }
  int error = uv_poll_init(loop, &poll_, epoll_);
  if (error != 0) return -error;
  poll_.data = this;
  poll_open_ = true;
  open_handles_++;
  return 0;
}

int Reader::TakeWakeup() {
  // When more are ready than fit, the epoll stays readable and this is called again.
  epoll_event events[16];
  int count = epoll_wait(epoll_, events, 16, 0);
  if (count < 0) return errno;
  for (int i = 0; i < count; i++) {
    if ((events[i].events & EPOLLERR) != 0) return EIO;
  }
  return 0;
}

int Reader::Resume() {
  if (closed_ || !paused_) return 0;
  int error = uv_poll_start(&poll_, UV_READABLE, OnPoll);
  if (error != 0) return -error;
  paused_ = false;
  last_record_ms_ = uv_now(timer_.loop);
  // Whatever came while nobody looked has had its wake-up.
  Schedule(true, true);
  return 0;
}

void Reader::Pause() {
  if (closed_ || paused_) return;
  paused_ = true;
  uv_poll_stop(&poll_);
  uv_timer_stop(&timer_);
}

void Reader::SetRef(bool ref) {
  if (closed_) return;
  auto apply = ref ? uv_ref : uv_unref;
  apply(reinterpret_cast<uv_handle_t*>(&poll_));
  apply(reinterpret_cast<uv_handle_t*>(&timer_));
}

void Reader::OnPoll(uv_poll_t* poll, int status, int) {
  Reader* reader = static_cast<Reader*>(poll->data);
  reader->stats_.poll_wakeups++;
  int error = status < 0 ? -status : reader->TakeWakeup();
  if (error != 0) {
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(reader->env_, &scope) != napi_ok) return;
    // A descriptor that reports an error once reports it for ever: stop instead of spinning.
    reader->Pause();
    reader->depth_++;
    reader->DeliverNumber(error, -1, false);
    if (--reader->depth_ == 0 && reader->closed_) reader->Release();
    napi_close_handle_scope(reader->env_, scope);
    return;
  }
  // Also when the record that it was sent for is gone already, or is not committed yet.
  reader->last_record_ms_ = uv_now(reader->timer_.loop);
  reader->Pump();
}

void Reader::OnTimer(uv_timer_t* timer) {
  Reader* reader = static_cast<Reader*>(timer->data);
  reader->stats_.timer_ticks++;
  if (reader->Pump()) reader->stats_.timer_wakeups++;
}

bool Reader::Pump() {
  bool any = false;
  bool more = true;
  depth_++;
  source_->Collect(false);
  if (!ReportLosses(false)) any = true;
  for (uint32_t i = 0; i < options_.max_batches && more && !paused_ && !closed_; i++) {
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(env_, &scope) != napi_ok) break;
    Next next = Step(false);
    napi_close_handle_scope(env_, scope);
    more = next != Next::kEmpty;
    any = any || more;
    // What throws ends the turn; the rest comes in the next one.
    if (next == Next::kStop) break;
  }
  if (--depth_ == 0 && closed_) {
    Release();
  } else if (!paused_ && !closed_) {
    Schedule(any || source_->Holding(), more);
  }
  return any;
}

void Reader::Schedule(bool any, bool more) {
  uint64_t now = uv_now(timer_.loop);
  if (any) last_record_ms_ = now;
  bool rest = options_.rest_after_ms > 0 && now - last_record_ms_ >= options_.rest_after_ms;
  if (more) {
    uv_timer_start(&timer_, OnTimer, 0, 0);
  } else if (options_.flush_ms == 0 || rest) {
    uv_timer_stop(&timer_);
    if (rest) source_->Rest();
  } else {
    uv_timer_start(&timer_, OnTimer, options_.flush_ms, 0);
  }
}

void Reader::Drain() {
  if (closed_) return;
  depth_++;
  // Records that arrive while this runs wait for their turn: a fast producer cannot hold the caller.
  source_->Collect(true);
  if (ReportLosses(true)) {
    while (!closed_) {
      napi_handle_scope scope = nullptr;
      if (napi_open_handle_scope(env_, &scope) != napi_ok) break;
      Next next = Step(true);
      napi_close_handle_scope(env_, scope);
      if (next != Next::kContinue) break;
    }
  }
  if (--depth_ == 0 && closed_) Release();
}

bool Reader::ReportLosses(bool inside_javascript) {
  Loss loss;
  bool delivered = true;
  while (delivered && !closed_ && source_->TakeLoss(&loss)) {
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(env_, &scope) != napi_ok) return false;
    delivered = DeliverNumber(static_cast<double>(loss.records), loss.cpu, inside_javascript);
    napi_close_handle_scope(env_, scope);
  }
  return delivered;
}

Reader::Next Reader::Step(bool inside_javascript) {
  napi_value buffer = nullptr;
  if (!EnsureBuffer(&buffer)) return Next::kStop;
  void* data = nullptr;
  Batch batch;
  napi_get_arraybuffer_info(env_, buffer, &data, &batch.capacity);
  batch.data = static_cast<uint8_t*>(data);
  size_t refused = source_->Fill(batch);
  if (refused > 0 && batch.used == 0) {
    // One buffer of its own for a record that no batch can hold.
    if (napi_create_arraybuffer(env_, refused, &data, &buffer) != napi_ok) return Next::kStop;
    batch.data = static_cast<uint8_t*>(data);
    batch.capacity = refused;
    source_->Fill(batch);
  }
  if (batch.records == 0) return Next::kEmpty;
  stats_.batches++;
  stats_.records += batch.records;
  stats_.bytes += batch.bytes;
  return DeliverBatch(buffer, batch, inside_javascript) ? Next::kContinue : Next::kStop;
}

bool Reader::EnsureBuffer(napi_value* buffer) {
  bool detached = false;
  if (buffer_ != nullptr) {
    // The callback may have transferred the buffer away; its memory is no longer ours to write to then.
    if (napi_get_reference_value(env_, buffer_, buffer) == napi_ok && *buffer != nullptr &&
        napi_is_detached_arraybuffer(env_, *buffer, &detached) == napi_ok && !detached) {
      return true;
    }
    napi_delete_reference(env_, buffer_);
    buffer_ = nullptr;
  }
  void* data = nullptr;
  return napi_create_arraybuffer(env_, options_.batch_bytes, &data, buffer) == napi_ok &&
         napi_create_reference(env_, *buffer, 1, &buffer_) == napi_ok;
}

bool Reader::DeliverBatch(napi_value buffer, const Batch& batch, bool inside_javascript) {
  napi_value arguments[3] = {nullptr, nullptr, nullptr};
  return napi_create_typedarray(env_, napi_uint8_array, batch.used, buffer, 0, &arguments[0]) == napi_ok &&
         napi_create_uint32(env_, batch.records, &arguments[1]) == napi_ok &&
         napi_get_undefined(env_, &arguments[2]) == napi_ok && Call(arguments, inside_javascript);
}

bool Reader::DeliverNumber(double number, int64_t cpu, bool inside_javascript) {
  napi_value arguments[3] = {nullptr, nullptr, nullptr};
  napi_status status = cpu < 0 ? napi_get_undefined(env_, &arguments[2]) : napi_create_int64(env_, cpu, &arguments[2]);
  return status == napi_ok && napi_get_undefined(env_, &arguments[0]) == napi_ok &&
         napi_create_double(env_, number, &arguments[1]) == napi_ok && Call(arguments, inside_javascript);
}

bool Reader::Call(napi_value* arguments, bool inside_javascript) {
  napi_value callback = nullptr;
  napi_value global = nullptr;
  napi_value result = nullptr;
  if (napi_get_reference_value(env_, callback_, &callback) != napi_ok || napi_get_global(env_, &global) != napi_ok) {
    return false;
  }
  if (inside_javascript) return napi_call_function(env_, global, callback, 3, arguments, &result) == napi_ok;

  napi_status status = napi_make_callback(env_, context_, global, callback, 3, arguments, &result);
  if (status == napi_ok) return true;
  napi_value exception = nullptr;
  bool pending = false;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
    // Like a throwing event listener: uncaughtException. Where that is handled, the next batch still comes.
    napi_fatal_exception(env_, exception);
  }
  return false;
}

void Reader::Close() {
  if (closed_) return;
  closed_ = true;
  auto closed = [](uv_handle_t* handle) { static_cast<Reader*>(handle->data)->HandleClosed(); };
  bool nothing_to_wait_for = open_handles_ == 0;
  if (!nothing_to_wait_for) uv_close(reinterpret_cast<uv_handle_t*>(&timer_), closed);
  if (poll_open_) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), closed);
  // libuv allows closing descriptors right after uv_close, and a caller that counts them expects it.
  if (epoll_ >= 0) close(epoll_);
  epoll_ = -1;
  source_.reset();
  if (depth_ == 0) Release();
  if (nothing_to_wait_for) {
    open_handles_ = 1;
    HandleClosed();
  }
}

void Reader::Release() {
  if (callback_ != nullptr) napi_delete_reference(env_, callback_);
  if (buffer_ != nullptr) napi_delete_reference(env_, buffer_);
  if (context_ != nullptr) napi_async_destroy(env_, context_);
  callback_ = nullptr;
  buffer_ = nullptr;
  context_ = nullptr;
}

void Reader::HandleClosed() {
  if (--open_handles_ > 0) return;
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
  delete this;
}

void Reader::OnCleanup(napi_async_cleanup_hook_handle, void* reader) { static_cast<Reader*>(reader)->Close(); }

}  // namespace bridge
