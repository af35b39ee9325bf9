// Global variables of an object, found through its BTF.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <bpf/btf.h>

#include <cerrno>
#include <cstring>

namespace bridge {

namespace {

const btf_type* SkipModifiers(const btf* types, uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  // A cycle cannot pass BTF validation, but this BTF is the file's own and was not validated yet.
  for (int depth = 0; type != nullptr && depth < 64 && (btf_is_mod(type) || btf_is_typedef(type)); depth++) {
    type = btf__type_by_id(types, type->type);
  }
  return type;
}

// "signed", "unsigned" or "bool" for what a number fits, "bytes" for everything else.
const char* KindOf(const btf* types, uint32_t type_id) {
  const btf_type* type = SkipModifiers(types, type_id);
  if (type == nullptr) return "bytes";
  if (btf_is_int(type)) {
    if (btf_int_encoding(type) & BTF_INT_BOOL) return "bool";
    return (btf_int_encoding(type) & BTF_INT_SIGNED) ? "signed" : "unsigned";
  }
  if (btf_is_any_enum(type)) return btf_kflag(type) ? "signed" : "unsigned";
  return "bytes";
}

// objectVariables(object) -> { name, section, offset, size, kind }[]
Napi::Value Variables(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Object& object = ObjectArg(info, 0);
  Napi::Array out = Napi::Array::New(env);
  const btf* types = bpf_object__btf(object.raw);
  if (types == nullptr) return out;
  for (uint32_t id = 1; id < btf__type_cnt(types); id++) {
    const btf_type* section = btf__type_by_id(types, id);
    if (!btf_is_datasec(section)) continue;
    const char* section_name = btf__name_by_offset(types, section->name_off);
    if (bpf_object__find_map_by_name(object.raw, section_name) == nullptr) continue;
    const btf_var_secinfo* entry = btf_var_secinfos(section);
    for (uint16_t i = 0; i < btf_vlen(section); i++, entry++) {
      const btf_type* variable = btf__type_by_id(types, entry->type);
      if (variable == nullptr || !btf_is_var(variable)) continue;
      Napi::Object item = Napi::Object::New(env);
      item.Set("name", btf__name_by_offset(types, variable->name_off));
      item.Set("section", section_name);
      item.Set("offset", entry->offset);
      item.Set("size", entry->size);
      item.Set("kind", KindOf(types, variable->type));
      out.Set(out.Length(), item);
    }
  }
  return out;
}

// Before the load this is the initial image; afterwards, for writable sections, the kernel's own memory.
uint8_t* Slot(const Napi::CallbackInfo& info, uint32_t offset, size_t size) {
  Object& object = ObjectArg(info, 0);
  bpf_map* map = bpf_object__find_map_by_name(object.raw, Str(info, 1).c_str());
  if (map == nullptr) Fail(info.Env(), ENOENT, "no such section");
  if (object.loaded && !(bpf_map__map_flags(map) & BPF_F_MMAPABLE)) {
    Fail(info.Env(), EOPNOTSUPP, "this kernel cannot map global variables (Linux 5.5 can)");
  }
  size_t total = 0;
  const void* image = bpf_map__initial_value(map, &total);
  if (image == nullptr || offset > total || size > total - offset) {
    Fail(info.Env(), EINVAL, "outside the section");
  }
  return static_cast<uint8_t*>(const_cast<void*>(image)) + offset;
}

// variableRead(object, section, offset, size) -> Uint8Array
Napi::Value Read(const Napi::CallbackInfo& info) {
  uint32_t size = U32(info, 3);
  return Copy(info.Env(), Slot(info, U32(info, 2), size), size);
}

// variableWrite(object, section, offset, bytes)
Napi::Value Write(const Napi::CallbackInfo& info) {
  Object& object = ObjectArg(info, 0);
  // After the load read-only sections are mapped without write permission: writing would be a SIGSEGV.
  if (object.loaded && Str(info, 1).rfind(".rodata", 0) == 0) Fail(info.Env(), EROFS, "read-only once loaded");
  Bytes bytes = BytesArg(info, 3);
  uint8_t* slot = Slot(info, U32(info, 2), bytes.size);
  std::memcpy(slot, bytes.data, bytes.size);
  return info.Env().Undefined();
}

// kernelBtfIds(names, kinds) -> an id for each, or a negative errno
Napi::Value KernelBtfIds(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array names = info[0].As<Napi::Array>();
  Napi::Array kinds = info[1].As<Napi::Array>();
  btf* types = btf__load_vmlinux_btf();
  if (types == nullptr) Fail(env, errno, "the kernel has no BTF");
  Napi::Array out = Napi::Array::New(env, names.Length());
  for (uint32_t i = 0; i < names.Length(); i++) {
    std::string name = names.Get(i).ToString().Utf8Value();
    int id = btf__find_by_name_kind(types, name.c_str(), kinds.Get(i).ToNumber().Uint32Value());
    out.Set(i, Napi::Number::New(env, id));
  }
  btf__free(types);
  return out;
}

}  // namespace

void ExportVariables(Napi::Env env, Napi::Object exports) {
  exports.Set("objectVariables", Napi::Function::New(env, Variables));
  exports.Set("variableRead", Napi::Function::New(env, Read));
  exports.Set("variableWrite", Napi::Function::New(env, Write));
  exports.Set("kernelBtfIds", Napi::Function::New(env, KernelBtfIds));
}

}  // namespace bridge
