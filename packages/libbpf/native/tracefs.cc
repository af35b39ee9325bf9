// A tracefs of our own, which nobody else sees, for where none is mounted.
#include "errors.h"
#include "exports.h"
#include "state.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace bridge {

namespace {

// Mounted nowhere: only the descriptor leads to it (Linux 5.2).
int MountDetached() {
  int context = static_cast<int>(syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC));
  if (context < 0) return -1;
  int fd = -1;
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    fd = static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
  }
  int error = errno;
  close(context);
  errno = error;
  return fd;
}

// The same by mounting it, taking hold of it, and unmounting it while it is held.
int MountAndDetach() {
  char folder[] = "/tmp/tracefs-XXXXXX";
  if (mkdtemp(folder) == nullptr) return -1;
  int fd = -1;
  if (mount("tracefs", folder, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0) {
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umount2(folder, MNT_DETACH);
  }
  int error = errno;
  rmdir(folder);
  errno = error;
  return fd;
}

// tracefsMount() -> descriptor of its folder, the same one every time
Napi::Value Mount(const Napi::CallbackInfo& info) {
  Descriptor& tracefs = StateOf(info.Env()).tracefs;
  if (tracefs.fd < 0) tracefs.fd = MountDetached();
  if (tracefs.fd < 0 && errno == ENOSYS) tracefs.fd = MountAndDetach();
  if (tracefs.fd < 0) Fail(info.Env(), errno, "cannot mount tracefs");
  return Napi::Number::New(info.Env(), tracefs.fd);
}

}  // namespace

void ExportTracefs(Napi::Env env, Napi::Object exports) {
  exports.Set("tracefsMount", Napi::Function::New(env, Mount));
}

}  // namespace bridge
