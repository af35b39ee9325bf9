#include "log.h"

#include "errors.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

namespace bridge {

namespace {

// Past this the oldest text is dropped: a verifier log is at most 16 MiB in practice, and a caller that never
// takes the log must not grow the process.
constexpr size_t kMaxBytes = size_t{48} << 20;

struct Line {
  int level;
  std::string text;
};

struct Sink {
  std::vector<Line> lines;
  size_t bytes = 0;
  int level = LIBBPF_WARN;
};

thread_local Sink sink;

int Print(enum libbpf_print_level level, const char* format, va_list args) {
  if (static_cast<int>(level) > sink.level) return 0;
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0) return 0;
  std::string text(static_cast<size_t>(size) + 1, '\0');
  vsnprintf(text.data(), text.size(), format, args);
  text.resize(static_cast<size_t>(size));
  if (sink.bytes + text.size() > kMaxBytes) {
    sink.lines.clear();
    sink.bytes = 0;
  }
  sink.bytes += text.size();
  sink.lines.push_back({static_cast<int>(level), std::move(text)});
  return size;
}

}  // namespace

void InstallPrint() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(Print); });
}

Napi::Value SetLogLevel(const Napi::CallbackInfo& info) {
  sink.level = static_cast<int>(U32(info, 0));
  return info.Env().Undefined();
}

Napi::Value TakeLog(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::vector<Line> lines;
  lines.swap(sink.lines);
  sink.bytes = 0;
  Napi::Array out = Napi::Array::New(env, lines.size() * 2);
  for (size_t i = 0; i < lines.size(); i++) {
    out.Set(static_cast<uint32_t>(i * 2), Napi::Number::New(env, lines[i].level));
    out.Set(static_cast<uint32_t>(i * 2 + 1), Napi::String::New(env, lines[i].text));
  }
  return out;
}

}  // namespace bridge
