// What this kernel has, by asking it.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <cerrno>

namespace bridge {

namespace {

Napi::Value Answer(Napi::Env env, int result) {
  if (result < 0) Fail(env, result, "");
  return Napi::Boolean::New(env, result == 1);
}

Napi::Value ProgramType(const Napi::CallbackInfo& info) {
  return Answer(info.Env(), libbpf_probe_bpf_prog_type(static_cast<bpf_prog_type>(U32(info, 0)), nullptr));
}

Napi::Value MapType(const Napi::CallbackInfo& info) {
  return Answer(info.Env(), libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(U32(info, 0)), nullptr));
}

Napi::Value Helper(const Napi::CallbackInfo& info) {
  return Answer(info.Env(), libbpf_probe_bpf_helper(static_cast<bpf_prog_type>(U32(info, 0)),
                                                    static_cast<bpf_func_id>(U32(info, 1)), nullptr));
}

Napi::Value Cpus(const Napi::CallbackInfo& info) {
  int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) Fail(info.Env(), cpus, "");
  return Napi::Number::New(info.Env(), cpus);
}

Napi::Value Version(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), libbpf_version_string());
}

// counts() -> number of live native things of this environment, for leak tests
Napi::Value Counts(const Napi::CallbackInfo& info) {
  State& state = StateOf(info.Env());
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("objects", static_cast<double>(state.objects.Size()));
  out.Set("programs", static_cast<double>(state.programs.Size()));
  out.Set("maps", static_cast<double>(state.maps.Size()));
  out.Set("links", static_cast<double>(state.links.Size()));
  out.Set("readers", static_cast<double>(state.readers.size()));
  return out;
}

}  // namespace

void ExportFeatures(Napi::Env env, Napi::Object exports) {
  exports.Set("probeProgramType", Napi::Function::New(env, ProgramType));
  exports.Set("probeMapType", Napi::Function::New(env, MapType));
  exports.Set("probeHelper", Napi::Function::New(env, Helper));
  exports.Set("possibleCpus", Napi::Function::New(env, Cpus));
  exports.Set("libbpfVersion", Napi::Function::New(env, Version));
  exports.Set("counts", Napi::Function::New(env, Counts));
}

}  // namespace bridge
