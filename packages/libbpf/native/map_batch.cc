// Map elements many at a time: BPF_MAP_*_BATCH. Which kernels and map types have it is JavaScript's concern.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

namespace bridge {

namespace {

// The kernel's position is a u32 for hashes and a key for the rest.
size_t CursorBytes(const Map& map) { return std::max<size_t>(map.key_size, 8); }

Map& LoadedMap(const Napi::CallbackInfo& info) {
  Map& map = MapArg(info, 0);
  if (map.Fd() < 0) Fail(info.Env(), ENOENT, "not loaded");
  return map;
}

// mapGetBatch(map, cursor | undefined, count, take) -> { count, keys, values, cursor, done }
Napi::Value GetBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = LoadedMap(info);
  std::vector<uint8_t> in;
  if (!Absent(info, 1)) {
    Bytes cursor = BytesArg(info, 1);
    if (cursor.size != CursorBytes(map)) Fail(env, EINVAL, "not a cursor of this map");
    in.assign(cursor.data, cursor.data + cursor.size);
  }
  uint32_t count = U32(info, 2);
  std::vector<uint8_t> out(CursorBytes(map));
  std::vector<uint8_t> keys(static_cast<size_t>(count) * map.key_size);
  std::vector<uint8_t> values(static_cast<size_t>(count) * map.ValueBytes());
  auto* call = info[3].ToBoolean() ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
  LIBBPF_OPTS(bpf_map_batch_opts, opts);
  int error = call(map.Fd(), in.empty() ? nullptr : in.data(), out.data(), keys.data(), values.data(), &count, &opts);
  // ENOENT is the end of the map, and the elements up to there are in the buffers.
  if (error != 0 && error != -ENOENT) Fail(env, error, "");
  Napi::Object result = Napi::Object::New(env);
  result.Set("count", count);
  result.Set("keys", Copy(env, keys.data(), static_cast<size_t>(count) * map.key_size));
  result.Set("values", Copy(env, values.data(), static_cast<size_t>(count) * map.ValueBytes()));
  result.Set("cursor", Copy(env, out.data(), out.size()));
  result.Set("done", error == -ENOENT);
  return result;
}

uint32_t CountOf(const Napi::CallbackInfo& info, const Map& map, const Bytes& keys) {
  if (map.key_size == 0 || keys.size % map.key_size != 0) Fail(info.Env(), EINVAL, "not a whole number of keys");
  return static_cast<uint32_t>(keys.size / map.key_size);
}

// mapSetBatch(map, keys, values, flags)
Napi::Value SetBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = LoadedMap(info);
  Bytes keys = BytesArg(info, 1);
  Bytes values = BytesArg(info, 2);
  uint32_t count = CountOf(info, map, keys);
  if (values.size != count * map.ValueBytes()) Fail(env, EINVAL, "keys and values differ in number");
  LIBBPF_OPTS(bpf_map_batch_opts, opts);
  opts.elem_flags = U32(info, 3);
  int error = bpf_map_update_batch(map.Fd(), keys.data, values.data, &count, &opts);
  if (error != 0) Fail(env, error, "");
  return env.Undefined();
}

// mapDeleteBatch(map, keys) -> { count, missing }: stops at the first key that is not there (`missing`)
Napi::Value DeleteBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = LoadedMap(info);
  Bytes keys = BytesArg(info, 1);
  uint32_t count = CountOf(info, map, keys);
  LIBBPF_OPTS(bpf_map_batch_opts, opts);
  int error = bpf_map_delete_batch(map.Fd(), keys.data, &count, &opts);
  if (error != 0 && error != -ENOENT) Fail(env, error, "");
  Napi::Object result = Napi::Object::New(env);
  result.Set("count", count);
  result.Set("missing", error == -ENOENT);
  return result;
}

}  // namespace

void ExportMapBatch(Napi::Env env, Napi::Object exports) {
  exports.Set("mapGetBatch", Napi::Function::New(env, GetBatch));
  exports.Set("mapSetBatch", Napi::Function::New(env, SetBatch));
  exports.Set("mapDeleteBatch", Napi::Function::New(env, DeleteBatch));
}

}  // namespace bridge
