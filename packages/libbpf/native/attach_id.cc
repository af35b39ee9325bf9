// Tracing programs whose target is given by its id in the kernel's BTF: sections fentry.id/NAME and fexit.id/NAME.
// libbpf takes the first function of a name, and a kernel's BTF may have several (weak ones too) of different types.
#include "attach_id.h"

#include "errors.h"
#include "exports.h"
#include "state.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <cerrno>
#include <mutex>

namespace bridge {

namespace {

// What is being loaded on this thread: libbpf's callback is told nothing but the program.
thread_local const Object* loading = nullptr;

int SetId(bpf_program* program, bpf_prog_load_opts* opts, long) {
  if (loading == nullptr) return -EINVAL;
  auto found = loading->attach_ids.find(program);
  if (found == loading->attach_ids.end()) return -ESRCH;
  opts->attach_btf_id = found->second;
  return 0;
}

int AttachTrace(const bpf_program* program, long, bpf_link** link) {
  *link = bpf_program__attach_trace(program);
  return *link == nullptr ? -errno : 0;
}

// programSetAttachId(program, id)
Napi::Value SetAttachId(const Napi::CallbackInfo& info) {
  Program& program = ProgramArg(info, 0);
  Object* object = StateOf(info.Env()).objects.Find(program.object);
  if (object == nullptr) Fail(info.Env(), EINVAL, "it belongs to no object");
  object->attach_ids[program.raw] = U32(info, 1);
  return info.Env().Undefined();
}

// kernelFunctions(names) -> [id, prototype's id, ...] for each name: all functions that are called so
Napi::Value KernelFunctions(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array names = info[0].As<Napi::Array>();
  std::unordered_map<std::string, Napi::Array> found;
  Napi::Array out = Napi::Array::New(env, names.Length());
  for (uint32_t i = 0; i < names.Length(); i++) {
    auto [entry, added] = found.try_emplace(names.Get(i).ToString().Utf8Value(), Napi::Array::New(env));
    out.Set(i, entry->second);
  }
  btf* types = btf__load_vmlinux_btf();
  if (types == nullptr) Fail(env, errno, "the kernel has no BTF");
  uint32_t count = btf__type_cnt(types);
  for (uint32_t id = 1; id < count; id++) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_func(type)) continue;
    auto entry = found.find(btf__name_by_offset(types, type->name_off));
    if (entry == found.end()) continue;
    entry->second.Set(entry->second.Length(), id);
    entry->second.Set(entry->second.Length(), type->type);
  }
  btf__free(types);
  return out;
}

}  // namespace

LoadingObject::LoadingObject(const Object& object) {
  loading = &object;
}

LoadingObject::~LoadingObject() {
  loading = nullptr;
}

namespace {

void RegisterSections() {
  // libbpf's list of handlers is the process's; workers load the addon again.
  static std::once_flag once;
  std::call_once(once, [] {
    LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = SetId, .prog_attach_fn = AttachTrace);
    libbpf_register_prog_handler("fentry.id+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, &opts);
    libbpf_register_prog_handler("fexit.id+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, &opts);
  });
}

}  // namespace

void ExportAttachId(Napi::Env env, Napi::Object exports) {
  RegisterSections();
  exports.Set("programSetAttachId", Napi::Function::New(env, SetAttachId));
  exports.Set("kernelFunctions", Napi::Function::New(env, KernelFunctions));
}

}  // namespace bridge
