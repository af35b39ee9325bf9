// Distributions build libbpf.a position-independent for executables only (-fPIE): its one reference to libc
// data, `stderr` in the default print function, cannot be linked into a shared library. A hidden variable of
// that name satisfies the linker and is seen by nobody else.
#include <dlfcn.h>

#include <cstdio>

namespace {

extern "C" __attribute__((visibility("hidden"))) FILE* bridge_stderr __asm__("stderr");
FILE* bridge_stderr = nullptr;

// libbpf's default print is replaced before it can run; the C++ runtime in here may still complain to stderr.
__attribute__((constructor)) void FindStderr() {
  void* real = dlsym(RTLD_DEFAULT, "stderr");
  if (real != nullptr && real != static_cast<void*>(&bridge_stderr)) bridge_stderr = *static_cast<FILE**>(real);
}

}  // namespace
