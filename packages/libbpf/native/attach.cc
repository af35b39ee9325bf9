// Attaching programs, and the links that come of it.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace bridge {

namespace {

std::string StrField(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

double NumField(const Napi::Object& object, const char* name, double fallback) {
  Napi::Value value = object.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : fallback;
}

uint64_t Cookie(const Napi::Object& object) {
  Napi::Value value = object.Get("cookie");
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
}

bpf_link* AttachUprobe(const bpf_program* program, const Napi::Object& options, bool retprobe) {
  std::string symbol = StrField(options, "symbol");
  LIBBPF_OPTS(bpf_uprobe_opts, opts);
  opts.retprobe = retprobe;
  opts.bpf_cookie = Cookie(options);
  if (!symbol.empty()) opts.func_name = symbol.c_str();
  return bpf_program__attach_uprobe_opts(program, static_cast<pid_t>(NumField(options, "pid", -1)),
                                         StrField(options, "path").c_str(),
                                         static_cast<size_t>(NumField(options, "offset", 0)), &opts);
}

int OpenEvent(perf_event_attr& attr) {
  attr.size = sizeof(attr);
  return static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
}

// An event of tracefs, by its id. A program runs on every CPU whatever the event's own is.
int OpenTracefsEvent(const Napi::Object& options) {
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = static_cast<uint64_t>(NumField(options, "event", 0));
  return OpenEvent(attr);
}

// pmuType, returnBit: what sysfs says of the kernel's kprobe events.
int OpenKprobe(const Napi::Object& options) {
  std::string function = StrField(options, "function");
  double type = NumField(options, "pmuType", -1);
  if (type < 0) {
    errno = ENOENT;
    return -1;
  }
  perf_event_attr attr = {};
  attr.type = static_cast<uint32_t>(type);
  if (options.Get("retprobe").ToBoolean()) attr.config = 1ULL << static_cast<unsigned>(NumField(options, "returnBit", 0));
  attr.kprobe_func = reinterpret_cast<uint64_t>(function.c_str());
  attr.probe_offset = static_cast<uint64_t>(NumField(options, "offset", 0));
  return OpenEvent(attr);
}

bpf_link* AttachEvent(const bpf_program* program, const Napi::Object& options) {
  int fd = OpenTracefsEvent(options);
  if (fd < 0) return nullptr;
  LIBBPF_OPTS(bpf_perf_event_opts, opts);
  opts.bpf_cookie = Cookie(options);
  bpf_link* link = bpf_program__attach_perf_event_opts(program, fd, &opts);
  int error = errno;
  if (link == nullptr) close(fd);
  errno = error;
  return link;
}

bpf_link* AttachLibbpf(Napi::Env env, const bpf_program* program, const std::string& kind,
                       const Napi::Object& options) {
  bool retprobe = options.Get("retprobe").ToBoolean();
  if (kind == "auto") return bpf_program__attach(program);
  if (kind == "tracepoint") {
    LIBBPF_OPTS(bpf_tracepoint_opts, opts);
    opts.bpf_cookie = Cookie(options);
    return bpf_program__attach_tracepoint_opts(program, StrField(options, "category").c_str(),
                                               StrField(options, "name").c_str(), &opts);
  }
  if (kind == "rawTracepoint") {
    return bpf_program__attach_raw_tracepoint(program, StrField(options, "name").c_str());
  }
  if (kind == "trace") {
    LIBBPF_OPTS(bpf_trace_opts, opts);
    opts.cookie = Cookie(options);
    return bpf_program__attach_trace_opts(program, &opts);
  }
  if (kind == "kprobe") {
    LIBBPF_OPTS(bpf_kprobe_opts, opts);
    opts.retprobe = retprobe;
    opts.bpf_cookie = Cookie(options);
    opts.offset = static_cast<size_t>(NumField(options, "offset", 0));
    return bpf_program__attach_kprobe_opts(program, StrField(options, "function").c_str(), &opts);
  }
  if (kind == "ksyscall") {
    LIBBPF_OPTS(bpf_ksyscall_opts, opts);
    opts.retprobe = retprobe;
    opts.bpf_cookie = Cookie(options);
    return bpf_program__attach_ksyscall(program, StrField(options, "syscall").c_str(), &opts);
  }
  if (kind == "event") return AttachEvent(program, options);
  if (kind == "uprobe") return AttachUprobe(program, options, retprobe);
  if (kind == "cgroup") {
    return bpf_program__attach_cgroup(program, static_cast<int>(NumField(options, "cgroupFd", -1)));
  }
  Fail(env, EINVAL, "unknown kind of attachment");
}

// The event holds the program; a negative errno when it does not.
int AttachToEvent(int fd, int program) {
  if (fd < 0) return -errno;
  if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) == 0 && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

// A program without a bpf_object can be attached where the kernel alone knows how: libbpf needs its section.
int AttachRaw(Napi::Env env, int fd, const std::string& kind, const Napi::Object& options) {
  if (Cookie(options) != 0) Fail(env, EOPNOTSUPP, "a program loaded from raw instructions takes no cookie");
  if (kind == "rawTracepoint") return bpf_raw_tracepoint_open(StrField(options, "name").c_str(), fd);
  if (kind == "trace") return bpf_raw_tracepoint_open(nullptr, fd);
  if (kind == "event") return AttachToEvent(OpenTracefsEvent(options), fd);
  if (kind == "kprobe") return AttachToEvent(OpenKprobe(options), fd);
  Fail(env, EOPNOTSUPP,
       "a program loaded from raw instructions attaches by attachTracepoint, attachRawTracepoint, attachTrace or "
       "attachKprobe only");
}

// programAttach(program, kind, options) -> link handle
Napi::Value Attach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Program& program = ProgramArg(info, 0);
  std::string kind = Str(info, 1);
  Napi::Object options = info[2].ToObject();
  if (program.Fd() < 0) Fail(env, ENOENT, "not loaded");
  auto link = std::make_unique<Link>();
  if (program.raw != nullptr) {
    link->raw = AttachLibbpf(env, program.raw, kind, options);
    if (link->raw == nullptr) Fail(env, errno, "");
  } else {
    link->fd = AttachRaw(env, program.fd, kind, options);
    if (link->fd < 0) Fail(env, link->fd, "");
  }
  State& state = StateOf(env);
  link->object = program.object;
  Handle handle = state.links.Add(state.Next(), std::move(link));
  if (Object* object = state.objects.Find(program.object)) object->links.push_back(handle);
  return Napi::Number::New(env, handle);
}

// linkFd(link) -> fd, -1 when it is closed or has none
Napi::Value LinkFd(const Napi::CallbackInfo& info) {
  Link* link = StateOf(info.Env()).links.Find(U32(info, 0));
  int fd = link == nullptr ? -1 : link->raw != nullptr ? bpf_link__fd(link->raw) : link->fd;
  return Napi::Number::New(info.Env(), fd);
}

// linkMissed(link) -> how many hits of a kprobe the kernel missed; undefined when it does not say (before 6.7)
Napi::Value LinkMissed(const Napi::CallbackInfo& info) {
  // struct bpf_link_info up to there; libbpf's headers are older.
  struct {
    uint32_t type, id, program, pad;
    uint32_t perf_type, perf_pad;
    uint64_t name;
    uint32_t name_length, offset;
    uint64_t address, missed;
  } link_info;
  constexpr uint32_t kKprobe = 3, kKretprobe = 4;
  std::memset(&link_info, 0, sizeof(link_info));
  Link* link = StateOf(info.Env()).links.Find(U32(info, 0));
  uint32_t size = sizeof(link_info);
  bool known = link != nullptr && link->raw != nullptr &&
               bpf_obj_get_info_by_fd(bpf_link__fd(link->raw), &link_info, &size) == 0 && size == sizeof(link_info) &&
               (link_info.perf_type == kKprobe || link_info.perf_type == kKretprobe);
  if (!known) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(link_info.missed));
}

Napi::Value LinkClose(const Napi::CallbackInfo& info) {
  State& state = StateOf(info.Env());
  Handle handle = U32(info, 0);
  Link* link = state.links.Find(handle);
  if (link == nullptr) return Napi::Boolean::New(info.Env(), false);
  if (Object* object = state.objects.Find(link->object)) std::erase(object->links, handle);
  return Napi::Boolean::New(info.Env(), state.links.Remove(handle));
}

}  // namespace

void ExportAttach(Napi::Env env, Napi::Object exports) {
  exports.Set("programAttach", Napi::Function::New(env, Attach));
  exports.Set("linkFd", Napi::Function::New(env, LinkFd));
  exports.Set("linkMissed", Napi::Function::New(env, LinkMissed));
  exports.Set("linkClose", Napi::Function::New(env, LinkClose));
}

}  // namespace bridge
