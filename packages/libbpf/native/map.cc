// Maps: properties, single elements, creation.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace bridge {

namespace {

// The kernel reads and writes exactly as many bytes as the map's definition says, so the sizes are checked
// here, next to the call, whatever the caller did.
const uint8_t* KeyArg(const Napi::CallbackInfo& info, const Map& map, size_t index) {
  Bytes key = BytesArg(info, index);
  if (key.size != map.key_size) {
    Fail(info.Env(), EINVAL, "the key has " + std::to_string(key.size) + " bytes, not " + std::to_string(map.key_size));
  }
  return map.key_size == 0 ? nullptr : key.data;
}

const uint8_t* ValueArg(const Napi::CallbackInfo& info, const Map& map, size_t index) {
  Bytes value = BytesArg(info, index);
  if (value.size != map.ValueBytes()) {
    Fail(info.Env(), EINVAL,
         "the value has " + std::to_string(value.size) + " bytes, not " + std::to_string(map.ValueBytes()));
  }
  return value.data;
}

int LoadedFd(const Napi::CallbackInfo& info, const Map& map) {
  int fd = map.Fd();
  if (fd < 0) Fail(info.Env(), ENOENT, "not loaded");
  return fd;
}

uint64_t Flags(const Napi::CallbackInfo& info, size_t index) { return Absent(info, index) ? 0 : U32(info, index); }

// mapInfo(map) -> { type, keySize, valueSize, valueBytes, maxEntries, flags, fd }
Napi::Value Info(const Napi::CallbackInfo& info) {
  Map& map = MapArg(info, 0);
  map.Refresh();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("type", map.type);
  out.Set("keySize", map.key_size);
  out.Set("valueSize", map.value_size);
  out.Set("valueBytes", static_cast<double>(map.ValueBytes()));
  out.Set("maxEntries", map.max_entries);
  out.Set("flags", map.flags);
  int fd = map.Fd();
  out.Set("fd", fd < 0 ? -1 : fd);
  return out;
}

// mapConfigure(map, what: "maxEntries" | "pinPath" | "autocreate" | "reuseFd" | "innerMapFd", value)
Napi::Value Configure(const Napi::CallbackInfo& info) {
  Map& map = MapArg(info, 0);
  if (map.raw == nullptr) Fail(info.Env(), EINVAL, "not a map of an object");
  std::string what = Str(info, 1);
  int error = -EINVAL;
  if (what == "maxEntries") error = bpf_map__set_max_entries(map.raw, U32(info, 2));
  if (what == "pinPath") error = bpf_map__set_pin_path(map.raw, Str(info, 2).c_str());
  if (what == "autocreate") error = bpf_map__set_autocreate(map.raw, info[2].ToBoolean());
  if (what == "reuseFd") error = bpf_map__reuse_fd(map.raw, info[2].ToNumber().Int32Value());
  if (what == "innerMapFd") error = bpf_map__set_inner_map_fd(map.raw, info[2].ToNumber().Int32Value());
  if (error != 0) Fail(info.Env(), error, "");
  map.Refresh();
  return info.Env().Undefined();
}

// mapGet(map, key, flags, take) -> Uint8Array | undefined. `take` also deletes the element.
Napi::Value Get(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = MapArg(info, 0);
  int fd = LoadedFd(info, map);
  const uint8_t* key = KeyArg(info, map, 1);
  uint64_t flags = Flags(info, 2);
  bool take = info[3].ToBoolean();
  Napi::Uint8Array value = Napi::Uint8Array::New(env, map.ValueBytes());
  int error = take ? bpf_map_lookup_and_delete_elem_flags(fd, key, value.Data(), flags)
                   : bpf_map_lookup_elem_flags(fd, key, value.Data(), flags);
  if (error == -ENOENT) return env.Undefined();
  if (error != 0) Fail(env, error, "");
  return value;
}

Napi::Value Set(const Napi::CallbackInfo& info) {
  Map& map = MapArg(info, 0);
  int fd = LoadedFd(info, map);
  const uint8_t* key = KeyArg(info, map, 1);
  int error = bpf_map_update_elem(fd, key, ValueArg(info, map, 2), Flags(info, 3));
  if (error != 0) Fail(info.Env(), error, "");
  return info.Env().Undefined();
}

// mapDelete(map, key) -> false when there was no such element
Napi::Value Delete(const Napi::CallbackInfo& info) {
  Map& map = MapArg(info, 0);
  int error = bpf_map_delete_elem(LoadedFd(info, map), KeyArg(info, map, 1));
  if (error == -ENOENT) return Napi::Boolean::New(info.Env(), false);
  if (error != 0) Fail(info.Env(), error, "");
  return Napi::Boolean::New(info.Env(), true);
}

// mapNextKey(map, key | undefined) -> Uint8Array | undefined
Napi::Value NextKey(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = MapArg(info, 0);
  int fd = LoadedFd(info, map);
  const uint8_t* key = Absent(info, 1) ? nullptr : KeyArg(info, map, 1);
  Napi::Uint8Array next = Napi::Uint8Array::New(env, map.key_size);
  int error = bpf_map_get_next_key(fd, key, next.Data());
  if (error == -ENOENT) return env.Undefined();
  if (error != 0) Fail(env, error, "");
  return next;
}

// mapFreeze(map): no more writes from user space
Napi::Value Freeze(const Napi::CallbackInfo& info) {
  int error = bpf_map_freeze(LoadedFd(info, MapArg(info, 0)));
  if (error != 0) Fail(info.Env(), error, "");
  return info.Env().Undefined();
}

// mapCreate(type, name, keySize, valueSize, maxEntries, flags, innerMapFd) -> handle
Napi::Value Create(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto map = std::make_unique<Map>();
  map->type = U32(info, 0);
  map->key_size = U32(info, 2);
  map->value_size = U32(info, 3);
  map->max_entries = U32(info, 4);
  map->flags = U32(info, 5);
  LIBBPF_OPTS(bpf_map_create_opts, opts);
  opts.map_flags = map->flags;
  if (!Absent(info, 6)) opts.inner_map_fd = U32(info, 6);
  std::string name = Absent(info, 1) ? "" : Str(info, 1);
  map->fd = bpf_map_create(static_cast<bpf_map_type>(map->type), name.empty() ? nullptr : name.c_str(),
                           map->key_size, map->value_size, map->max_entries, &opts);
  if (map->fd < 0) Fail(env, map->fd, "");
  State& state = StateOf(env);
  return Napi::Number::New(env, state.maps.Add(state.Next(), std::move(map)));
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), StateOf(info.Env()).maps.Remove(U32(info, 0)));
}

}  // namespace

void ExportMap(Napi::Env env, Napi::Object exports) {
  exports.Set("mapInfo", Napi::Function::New(env, Info));
  exports.Set("mapConfigure", Napi::Function::New(env, Configure));
  exports.Set("mapGet", Napi::Function::New(env, Get));
  exports.Set("mapSet", Napi::Function::New(env, Set));
  exports.Set("mapDelete", Napi::Function::New(env, Delete));
  exports.Set("mapNextKey", Napi::Function::New(env, NextKey));
  exports.Set("mapFreeze", Napi::Function::New(env, Freeze));
  exports.Set("mapCreate", Napi::Function::New(env, Create));
  exports.Set("mapClose", Napi::Function::New(env, Close));
}

}  // namespace bridge
