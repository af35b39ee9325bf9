// Programs: switches before the load, figures after it, test runs, and loading raw instructions.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <climits>

namespace bridge {

namespace {

int LoadedFd(const Napi::CallbackInfo& info) {
  int fd = ProgramArg(info, 0).Fd();
  if (fd < 0) Fail(info.Env(), ENOENT, "not loaded");
  return fd;
}

Napi::Value SetAutoload(const Napi::CallbackInfo& info) {
  Program& program = ProgramArg(info, 0);
  int error = bpf_program__set_autoload(program.raw, info[1].ToBoolean());
  if (error != 0) Fail(info.Env(), error, "");
  return info.Env().Undefined();
}

Napi::Value SetAttachTarget(const Napi::CallbackInfo& info) {
  Program& program = ProgramArg(info, 0);
  int error = bpf_program__set_attach_target(program.raw, 0, Str(info, 1).c_str());
  if (error != 0) Fail(info.Env(), error, "");
  return info.Env().Undefined();
}

// programFd(program) -> fd, -1 when not loaded
Napi::Value Fd(const Napi::CallbackInfo& info) {
  int fd = ProgramArg(info, 0).Fd();
  return Napi::Number::New(info.Env(), fd < 0 ? -1 : fd);
}

// programInfo(program) -> { id, instructions, verifiedInstructions, recursionMisses, tag }
Napi::Value Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  bpf_prog_info data = {};
  uint32_t size = sizeof(data);
  int error = bpf_obj_get_info_by_fd(LoadedFd(info), &data, &size);
  if (error != 0) Fail(env, error, "");
  Napi::Object out = Napi::Object::New(env);
  out.Set("id", data.id);
  out.Set("instructions", data.xlated_prog_len / static_cast<uint32_t>(sizeof(bpf_insn)));
  out.Set("verifiedInstructions", data.verified_insns);
  out.Set("recursionMisses", static_cast<double>(data.recursion_misses));
  return out;
}

// programInstructions(program) -> number of instructions in the object file
Napi::Value Instructions(const Napi::CallbackInfo& info) {
  Program& program = ProgramArg(info, 0);
  return Napi::Number::New(info.Env(), program.raw ? static_cast<double>(bpf_program__insn_cnt(program.raw)) : 0);
}

// programTestRun(program, data | undefined, context | undefined, repeat, flags, cpu, dataOutBytes, contextOutBytes)
//   -> { returnValue, durationNs, data?, context? }
Napi::Value TestRun(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = LoadedFd(info);
  LIBBPF_OPTS(bpf_test_run_opts, opts);
  if (!Absent(info, 1)) {
    Bytes data = BytesArg(info, 1);
    opts.data_in = data.data;
    opts.data_size_in = static_cast<uint32_t>(data.size);
  }
  if (!Absent(info, 2)) {
    Bytes context = BytesArg(info, 2);
    opts.ctx_in = context.data;
    opts.ctx_size_in = static_cast<uint32_t>(context.size);
  }
  opts.repeat = static_cast<int>(U32(info, 3));
  opts.flags = U32(info, 4);
  opts.cpu = U32(info, 5);
  std::vector<uint8_t> data_out(U32(info, 6));
  std::vector<uint8_t> context_out(U32(info, 7));
  if (!data_out.empty()) {
    opts.data_out = data_out.data();
    opts.data_size_out = static_cast<uint32_t>(data_out.size());
  }
  if (!context_out.empty()) {
    opts.ctx_out = context_out.data();
    opts.ctx_size_out = static_cast<uint32_t>(context_out.size());
  }
  int error = bpf_prog_test_run_opts(fd, &opts);
  if (error != 0) Fail(env, error, "");
  Napi::Object out = Napi::Object::New(env);
  out.Set("returnValue", opts.retval);
  out.Set("durationNs", opts.duration);
  if (!data_out.empty()) {
    out.Set("data", Copy(env, data_out.data(), std::min<size_t>(data_out.size(), opts.data_size_out)));
  }
  if (!context_out.empty()) {
    out.Set("context", Copy(env, context_out.data(), std::min<size_t>(context_out.size(), opts.ctx_size_out)));
  }
  return out;
}

// programLoad(type, name, license, instructions, expectedAttachType, attachBtfId, flags, logLevel, logBytes)
//   -> { handle, log } or { errno, log }. Both carry the verifier's log, so a failure is returned, not thrown.
Napi::Value LoadRaw(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = Str(info, 1);
  std::string license = Str(info, 2);
  Bytes code = BytesArg(info, 3);
  std::vector<bpf_insn> instructions(code.size / sizeof(bpf_insn));
  std::copy(code.data, code.data + instructions.size() * sizeof(bpf_insn),
            reinterpret_cast<uint8_t*>(instructions.data()));
  std::vector<char> log(U32(info, 8));
  LIBBPF_OPTS(bpf_prog_load_opts, opts);
  opts.expected_attach_type = static_cast<bpf_attach_type>(U32(info, 4));
  opts.attach_btf_id = U32(info, 5);
  opts.prog_flags = U32(info, 6);
  opts.log_level = U32(info, 7);
  if (!log.empty()) {
    opts.log_buf = log.data();
    opts.log_size = static_cast<uint32_t>(log.size());
  }
  // Owned before JavaScript is told of it: when a worker is being terminated, that throws.
  auto program = std::make_unique<Program>();
  program->fd = bpf_prog_load(static_cast<bpf_prog_type>(U32(info, 0)), name.c_str(), license.c_str(),
                              instructions.data(), instructions.size(), &opts);
  Napi::Object out = Napi::Object::New(env);
  size_t length = 0;
  while (length < log.size() && log[length] != '\0') length++;
  out.Set("log", Napi::String::New(env, log.data(), length));
  if (program->fd < 0) {
    out.Set("errno", -program->fd);
    return out;
  }
  State& state = StateOf(env);
  out.Set("handle", state.programs.Add(state.Next(), std::move(program)));
  return out;
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), StateOf(info.Env()).programs.Remove(U32(info, 0)));
}

}  // namespace

void ExportProgram(Napi::Env env, Napi::Object exports) {
  exports.Set("programSetAutoload", Napi::Function::New(env, SetAutoload));
  exports.Set("programSetAttachTarget", Napi::Function::New(env, SetAttachTarget));
  exports.Set("programFd", Napi::Function::New(env, Fd));
  exports.Set("programInfo", Napi::Function::New(env, Info));
  exports.Set("programInstructions", Napi::Function::New(env, Instructions));
  exports.Set("programTestRun", Napi::Function::New(env, TestRun));
  exports.Set("programLoad", Napi::Function::New(env, LoadRaw));
  exports.Set("programClose", Napi::Function::New(env, Close));
}

}  // namespace bridge
