#include "exports.h"
#include "log.h"
#include "state.h"

namespace bridge {

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InstallPrint();
  env.SetInstanceData(new State());
  exports.Set("setLogLevel", Napi::Function::New(env, SetLogLevel));
  exports.Set("takeLog", Napi::Function::New(env, TakeLog));
  ExportObject(env, exports);
  ExportVariables(env, exports);
  ExportProgram(env, exports);
  ExportAttach(env, exports);
  ExportAttachId(env, exports);
  ExportMap(env, exports);
  ExportMapBatch(env, exports);
  ExportFeatures(env, exports);
  ExportTracefs(env, exports);
  ExportReader(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(libbpf, Init)

}  // namespace bridge
