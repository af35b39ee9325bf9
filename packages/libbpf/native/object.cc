// bpf_object: open, adjust, load, close.
#include "attach_id.h"
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <sys/mman.h>

#include <cerrno>

namespace bridge {

namespace {

// objectOpen(source: string | Uint8Array, name: string | undefined, kernelLogLevel: number,
//            btfPath: string | undefined) -> handle
Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = Absent(info, 1) ? "" : Str(info, 1);
  std::string btf_path = Absent(info, 3) ? "" : Str(info, 3);
  LIBBPF_OPTS(bpf_object_open_opts, opts);
  if (!name.empty()) opts.object_name = name.c_str();
  if (!btf_path.empty()) opts.btf_custom_path = btf_path.c_str();
  opts.kernel_log_level = U32(info, 2);

  auto object = std::make_unique<Object>();
  if (info[0].IsString()) {
    object->raw = bpf_object__open_file(Str(info, 0).c_str(), &opts);
  } else {
    // libelf wants an aligned image that nobody changes while it reads.
    Bytes source = BytesArg(info, 0);
    std::vector<uint8_t> image(source.data, source.data + source.size);
    object->raw = bpf_object__open_mem(image.data(), image.size(), &opts);
  }
  if (object->raw == nullptr) Fail(env, errno, "");

  State& state = StateOf(env);
  Handle handle = state.Next();
  state.objects.Add(handle, std::move(object));
  return Napi::Number::New(env, handle);
}

Napi::Value Name(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), bpf_object__name(ObjectArg(info, 0).raw));
}

// objectPrograms(object) -> { handle, name, section, type, attachType, autoload }[]
Napi::Value Programs(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Object& object = ObjectArg(info, 0);
  State& state = StateOf(env);
  Napi::Array out = Napi::Array::New(env);
  bpf_program* raw = nullptr;
  bpf_object__for_each_program(raw, object.raw) {
    auto program = std::make_unique<Program>();
    program->object = U32(info, 0);
    program->raw = raw;
    Handle handle = state.programs.Add(state.Next(), std::move(program));
    object.programs.push_back(handle);
    Napi::Object item = Napi::Object::New(env);
    item.Set("handle", handle);
    item.Set("name", bpf_program__name(raw));
    item.Set("section", bpf_program__section_name(raw));
    item.Set("type", static_cast<uint32_t>(bpf_program__type(raw)));
    item.Set("attachType", static_cast<uint32_t>(bpf_program__expected_attach_type(raw)));
    item.Set("autoload", bpf_program__autoload(raw));
    out.Set(out.Length(), item);
  }
  return out;
}

// objectMaps(object) -> { handle, name, internal }[]
Napi::Value Maps(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Object& object = ObjectArg(info, 0);
  State& state = StateOf(env);
  Napi::Array out = Napi::Array::New(env);
  bpf_map* raw = nullptr;
  bpf_object__for_each_map(raw, object.raw) {
    auto map = std::make_unique<Map>();
    map->object = U32(info, 0);
    map->raw = raw;
    map->Refresh();
    Handle handle = state.maps.Add(state.Next(), std::move(map));
    object.maps.push_back(handle);
    Napi::Object item = Napi::Object::New(env);
    item.Set("handle", handle);
    item.Set("name", bpf_map__name(raw));
    item.Set("internal", bpf_map__is_internal(raw));
    out.Set(out.Length(), item);
  }
  return out;
}

// libbpf keeps the image of global variables that it loaded from. Mapping the kernel's memory over it (as bpftool's
// generated skeletons do) makes the same addresses show and change the variables of the running programs.
bool MapVariables(bpf_map* raw) {
  size_t bytes = 0;
  void* image = const_cast<void*>(bpf_map__initial_value(raw, &bytes));
  if (image == nullptr || !bpf_map__is_internal(raw) || !(bpf_map__map_flags(raw) & BPF_F_MMAPABLE)) return true;
  bool constant = bpf_map__map_flags(raw) & BPF_F_RDONLY_PROG;
  int protection = constant ? PROT_READ : PROT_READ | PROT_WRITE;
  return mmap(image, bytes, protection, MAP_SHARED | MAP_FIXED, bpf_map__fd(raw), 0) != MAP_FAILED;
}

Napi::Value Load(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Object& object = ObjectArg(info, 0);
  if (object.loaded) Fail(env, EALREADY, "already loaded");
  int error = 0;
  {
    LoadingObject loading(object);
    error = bpf_object__load(object.raw);
  }
  if (error != 0) Fail(env, error, "");
  object.loaded = true;
  State& state = StateOf(env);
  for (Handle handle : object.maps) {
    Map* map = state.maps.Find(handle);
    if (map == nullptr) continue;
    map->Refresh();
    if (map->raw != nullptr && bpf_map__fd(map->raw) >= 0 && !MapVariables(map->raw)) {
      Fail(env, errno, "cannot map the global variables");
    }
  }
  return env.Undefined();
}

// objectClose(object) -> boolean: false when it was closed before. Takes its links, programs and maps along.
Napi::Value Close(const Napi::CallbackInfo& info) {
  State& state = StateOf(info.Env());
  Handle handle = U32(info, 0);
  Object* object = state.objects.Find(handle);
  if (object == nullptr) return Napi::Boolean::New(info.Env(), false);
  for (Handle link : object->links) state.links.Remove(link);
  for (Handle program : object->programs) state.programs.Remove(program);
  for (Handle map : object->maps) state.maps.Remove(map);
  state.objects.Remove(handle);
  return Napi::Boolean::New(info.Env(), true);
}

}  // namespace

void ExportObject(Napi::Env env, Napi::Object exports) {
  exports.Set("objectOpen", Napi::Function::New(env, Open));
  exports.Set("objectName", Napi::Function::New(env, Name));
  exports.Set("objectPrograms", Napi::Function::New(env, Programs));
  exports.Set("objectMaps", Napi::Function::New(env, Maps));
  exports.Set("objectLoad", Napi::Function::New(env, Load));
  exports.Set("objectClose", Napi::Function::New(env, Close));
}

}  // namespace bridge
