// What each file adds to the addon.
#pragma once

#include <napi.h>

namespace bridge {
void ExportObject(Napi::Env env, Napi::Object exports);
void ExportVariables(Napi::Env env, Napi::Object exports);
void ExportProgram(Napi::Env env, Napi::Object exports);
void ExportAttach(Napi::Env env, Napi::Object exports);
void ExportAttachId(Napi::Env env, Napi::Object exports);
void ExportMap(Napi::Env env, Napi::Object exports);
void ExportMapBatch(Napi::Env env, Napi::Object exports);
void ExportFeatures(Napi::Env env, Napi::Object exports);
void ExportTracefs(Napi::Env env, Napi::Object exports);
void ExportReader(Napi::Env env, Napi::Object exports);
}  // namespace bridge
