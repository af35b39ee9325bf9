// libbpf has one print callback per process. Ours keeps what libbpf says on the thread that is executing the
// libbpf call, and hands it to JavaScript afterwards: calling JavaScript from inside libbpf would let the
// callback close the very object that is being loaded.
#pragma once

#include <napi.h>

namespace bridge {

void InstallPrint();
Napi::Value SetLogLevel(const Napi::CallbackInfo& info);
Napi::Value TakeLog(const Napi::CallbackInfo& info);

}  // namespace bridge
