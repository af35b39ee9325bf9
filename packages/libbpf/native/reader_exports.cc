// The JavaScript face of Reader.
#include "errors.h"
#include "exports.h"
#include "reader.h"
#include "state.h"

#include <cerrno>

namespace bridge {

namespace {

Reader& ReaderArg(const Napi::CallbackInfo& info) {
  auto& readers = StateOf(info.Env()).readers;
  auto it = readers.find(U32(info, 0));
  if (it == readers.end()) FailStale(info.Env(), "reader");
  return *it->second;
}

// readerStart(maps: handle[], batchBytes, flushMs, maxBatches, restAfterMs, callback) -> handle
Napi::Value Start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  State& state = StateOf(env);
  Napi::Array handles = info[0].As<Napi::Array>();
  std::vector<std::unique_ptr<Ring>> rings;
  for (uint32_t i = 0; i < handles.Length(); i++) {
    Map* map = state.maps.Find(handles.Get(i).ToNumber().Uint32Value());
    if (map == nullptr) FailStale(env, "map");
    map->Refresh();
    if (map->Fd() < 0) Fail(env, ENOENT, "not loaded");
    if (map->type != BPF_MAP_TYPE_RINGBUF) Fail(env, EINVAL, "not a ring buffer");
    auto ring = std::make_unique<Ring>();
    int error = ring->Open(map->Fd(), map->max_entries);
    if (error != 0) Fail(env, error, "cannot map the ring buffer into memory");
    rings.push_back(std::move(ring));
  }
  ReaderOptions options = {U32(info, 1), U32(info, 2), U32(info, 3), U32(info, 4)};
  int error = 0;
  Reader* reader = Reader::Start(env, info[5], std::move(rings), options, &error);
  if (reader == nullptr) Fail(env, error, "cannot watch the ring buffer");
  Handle handle = state.Next();
  state.readers.emplace(handle, reader);
  return Napi::Number::New(env, handle);
}

Napi::Value Pause(const Napi::CallbackInfo& info) {
  ReaderArg(info).Pause();
  return info.Env().Undefined();
}

Napi::Value Resume(const Napi::CallbackInfo& info) {
  int error = ReaderArg(info).Resume();
  if (error != 0) Fail(info.Env(), error, "");
  return info.Env().Undefined();
}

Napi::Value SetRef(const Napi::CallbackInfo& info) {
  ReaderArg(info).SetRef(info[1].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value Drain(const Napi::CallbackInfo& info) {
  Reader& reader = ReaderArg(info);
  if (reader.delivering()) Fail(info.Env(), EBUSY, "a batch is being delivered");
  reader.Drain();
  return info.Env().Undefined();
}

Napi::Value Stats(const Napi::CallbackInfo& info) {
  const ReaderStats& stats = ReaderArg(info).stats();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("batches", static_cast<double>(stats.batches));
  out.Set("records", static_cast<double>(stats.records));
  out.Set("bytes", static_cast<double>(stats.bytes));
  out.Set("pollWakeups", static_cast<double>(stats.poll_wakeups));
  out.Set("timerWakeups", static_cast<double>(stats.timer_wakeups));
  out.Set("timerTicks", static_cast<double>(stats.timer_ticks));
  return out;
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  auto& readers = StateOf(info.Env()).readers;
  auto it = readers.find(U32(info, 0));
  if (it == readers.end()) return Napi::Boolean::New(info.Env(), false);
  Reader* reader = it->second;
  readers.erase(it);
  reader->Close();
  return Napi::Boolean::New(info.Env(), true);
}

}  // namespace

void ExportReader(Napi::Env env, Napi::Object exports) {
  exports.Set("readerStart", Napi::Function::New(env, Start));
  exports.Set("readerPause", Napi::Function::New(env, Pause));
  exports.Set("readerResume", Napi::Function::New(env, Resume));
  exports.Set("readerSetRef", Napi::Function::New(env, SetRef));
  exports.Set("readerDrain", Napi::Function::New(env, Drain));
  exports.Set("readerStats", Napi::Function::New(env, Stats));
  exports.Set("readerClose", Napi::Function::New(env, Close));
}

}  // namespace bridge
