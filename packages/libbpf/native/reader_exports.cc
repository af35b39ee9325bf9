// The JavaScript face of Reader.
#include "errors.h"
#include "exports.h"
#include "perf.h"
#include "reader.h"
#include "ring.h"
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

Map& LoadedMap(Napi::Env env, Handle handle, uint32_t type, const char* what) {
  Map* map = StateOf(env).maps.Find(handle);
  if (map == nullptr) FailStale(env, "map");
  map->Refresh();
  if (map->Fd() < 0) Fail(env, ENOENT, "not loaded");
  if (map->type != type) Fail(env, EINVAL, what);
  return *map;
}

// The arguments from `index` on: batchBytes, flushMs, maxBatches, restAfterMs, callback
Napi::Value Begin(const Napi::CallbackInfo& info, size_t index, std::unique_ptr<Source> source) {
  State& state = StateOf(info.Env());
  ReaderOptions options = {U32(info, index), U32(info, index + 1), U32(info, index + 2), U32(info, index + 3)};
  int error = 0;
  Reader* reader = Reader::Start(info.Env(), info[index + 4], std::move(source), options, &error);
  if (reader == nullptr) Fail(info.Env(), error, "cannot watch the buffer");
  Handle handle = state.Next();
  state.readers.emplace(handle, reader);
  return Napi::Number::New(info.Env(), handle);
}

// ringReaderStart(maps: handle[], ...) -> handle
Napi::Value StartRing(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array handles = info[0].As<Napi::Array>();
  auto source = std::make_unique<RingSource>();
  for (uint32_t i = 0; i < handles.Length(); i++) {
    Handle handle = handles.Get(i).ToNumber().Uint32Value();
    Map& map = LoadedMap(env, handle, BPF_MAP_TYPE_RINGBUF, "not a ring buffer");
    int error = source->Add(map.Fd(), map.max_entries);
    if (error != 0) Fail(env, error, "cannot map the ring buffer into memory");
  }
  return Begin(info, 1, std::move(source));
}

// perfReaderStart(map: handle, cpus: number[], bytes, wakeupBytes, lengthAt, orderAt, ...) -> handle; -1 = no such field
Napi::Value StartPerf(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = LoadedMap(env, U32(info, 0), BPF_MAP_TYPE_PERF_EVENT_ARRAY, "not a perf event array");
  Napi::Array list = info[1].As<Napi::Array>();
  std::vector<uint32_t> cpus;
  for (uint32_t i = 0; i < list.Length(); i++) cpus.push_back(list.Get(i).ToNumber().Uint32Value());
  PerfOptions options;
  options.bytes = U32(info, 2);
  options.wakeup_bytes = U32(info, 3);
  options.length_at = info[4].ToNumber().Int64Value();
  options.order_at = info[5].ToNumber().Int64Value();
  auto source = std::make_unique<PerfSource>(options);
  const char* what = "";
  int error = source->Open(map.Fd(), cpus, &what);
  if (error != 0) Fail(env, error, what);
  return Begin(info, 6, std::move(source));
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
  SourceStats source = ReaderArg(info).source().Stats();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("outOfOrder", static_cast<double>(source.out_of_order));
  out.Set("malformed", static_cast<double>(source.malformed));
  out.Set("unreadable", static_cast<double>(source.unreadable));
  out.Set("batches", static_cast<double>(stats.batches));
  out.Set("records", static_cast<double>(stats.records));
  out.Set("bytes", static_cast<double>(stats.bytes));
  out.Set("pollWakeups", static_cast<double>(stats.poll_wakeups));
  out.Set("timerWakeups", static_cast<double>(stats.timer_wakeups));
  out.Set("timerTicks", static_cast<double>(stats.timer_ticks));
  return out;
}

// readerDetach(reader): no more records come
Napi::Value Detach(const Napi::CallbackInfo& info) {
  ReaderArg(info).source().Detach();
  return info.Env().Undefined();
}

// readerPending(reader) -> number of records that are there and were not delivered
Napi::Value Pending(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(ReaderArg(info).source().Pending()));
}

// readerBufferedBytes(reader) -> bytes of the kernel's buffers that are taken
Napi::Value BufferedBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(ReaderArg(info).source().BufferedBytes()));
}

// readerLosses(reader) -> [cpu, records, ...] of every CPU
Napi::Value Losses(const Napi::CallbackInfo& info) {
  std::vector<Loss> losses = ReaderArg(info).source().Losses();
  Napi::Array out = Napi::Array::New(info.Env(), losses.size() * 2);
  for (size_t i = 0; i < losses.size(); i++) {
    out.Set(static_cast<uint32_t>(i * 2), Napi::Number::New(info.Env(), losses[i].cpu));
    out.Set(static_cast<uint32_t>(i * 2 + 1), Napi::Number::New(info.Env(), static_cast<double>(losses[i].records)));
  }
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
  exports.Set("ringReaderStart", Napi::Function::New(env, StartRing));
  exports.Set("perfReaderStart", Napi::Function::New(env, StartPerf));
  exports.Set("readerDetach", Napi::Function::New(env, Detach));
  exports.Set("readerPending", Napi::Function::New(env, Pending));
  exports.Set("readerBufferedBytes", Napi::Function::New(env, BufferedBytes));
  exports.Set("readerLosses", Napi::Function::New(env, Losses));
  exports.Set("readerPause", Napi::Function::New(env, Pause));
  exports.Set("readerResume", Napi::Function::New(env, Resume));
  exports.Set("readerSetRef", Napi::Function::New(env, SetRef));
  exports.Set("readerDrain", Napi::Function::New(env, Drain));
  exports.Set("readerStats", Napi::Function::New(env, Stats));
  exports.Set("readerClose", Napi::Function::New(env, Close));
}

}  // namespace bridge
