#include "errors.h"

#include <cerrno>
#include <cstring>

namespace bridge {

namespace {

Napi::Error Plain(Napi::Env env, int error, const std::string& text, bool stale) {
  Napi::Object data = Napi::Object::New(env);
  data.Set("errno", Napi::Number::New(env, error < 0 ? -error : error));
  data.Set("text", Napi::String::New(env, text));
  data.Set("stale", Napi::Boolean::New(env, stale));
  return Napi::Error(env, data);
}

}  // namespace

void Fail(Napi::Env env, int error, const std::string& text) { throw Plain(env, error, text, false); }

void FailStale(Napi::Env env, const char* what) {
  throw Plain(env, EBADF, std::string("this ") + what + " is closed", true);
}

uint32_t U32(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) Fail(info.Env(), EINVAL, "argument " + std::to_string(index) + " is not a number");
  return info[index].As<Napi::Number>().Uint32Value();
}

std::string Str(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsString()) Fail(info.Env(), EINVAL, "argument " + std::to_string(index) + " is not a string");
  return info[index].As<Napi::String>().Utf8Value();
}

bool Absent(const Napi::CallbackInfo& info, size_t index) {
  return index >= info.Length() || info[index].IsUndefined() || info[index].IsNull();
}

Bytes BytesOf(Napi::Env env, const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Fail(env, EINVAL, "not a Uint8Array");
  }
  Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Bytes BytesArg(const Napi::CallbackInfo& info, size_t index) { return BytesOf(info.Env(), info[index]); }

Napi::Value Copy(Napi::Env env, const void* data, size_t size) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, size);
  if (size > 0) std::memcpy(array.Data(), data, size);
  return array;
}

}  // namespace bridge
