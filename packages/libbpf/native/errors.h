// Native code throws plain data { errno, text, stale }; JavaScript turns it into its own error class.
#pragma once

#include <napi.h>

#include <string>

namespace bridge {

[[noreturn]] void Fail(Napi::Env env, int error, const std::string& text);
[[noreturn]] void FailStale(Napi::Env env, const char* what);

// Argument readers. The TypeScript side validates; these only keep a mistake there from corrupting memory.
uint32_t U32(const Napi::CallbackInfo& info, size_t index);
std::string Str(const Napi::CallbackInfo& info, size_t index);
bool Absent(const Napi::CallbackInfo& info, size_t index);

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};
Bytes BytesOf(Napi::Env env, const Napi::Value& value);
Bytes BytesArg(const Napi::CallbackInfo& info, size_t index);

Napi::Value Copy(Napi::Env env, const void* data, size_t size);

}  // namespace bridge
