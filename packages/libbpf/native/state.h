// Everything one JavaScript environment (main thread or worker) owns. JavaScript only ever holds numeric
// handles, so a stale handle is an error and never a dangling pointer, whatever the order of close and GC.
#pragma once

#include <napi.h>

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace bridge {

using Handle = uint32_t;

struct Object {
  bpf_object* raw = nullptr;
  bool loaded = false;
  std::vector<Handle> programs;
  std::vector<Handle> maps;
  std::vector<Handle> links;
  // Of programs whose target is given by its id: see attach_id.cc.
  std::unordered_map<const bpf_program*, uint32_t> attach_ids;

  ~Object() { bpf_object__close(raw); }
};

// A program of an object (`raw` set, owned by the object), or one loaded on its own (`fd` owned here).
struct Program {
  Handle object = 0;
  bpf_program* raw = nullptr;
  int fd = -1;

  ~Program();
  int Fd() const { return raw != nullptr ? bpf_program__fd(raw) : fd; }
};

struct Map {
  Handle object = 0;
  bpf_map* raw = nullptr;
  int fd = -1;
  uint32_t type = 0;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t flags = 0;

  ~Map();
  int Fd() const { return raw != nullptr ? bpf_map__fd(raw) : fd; }
  // Bytes the kernel reads or writes for one value: all CPUs' copies, each rounded up to 8, for per-CPU maps.
  size_t ValueBytes() const;
  void Refresh();
};

struct Link {
  Handle object = 0;
  bpf_link* raw = nullptr;
  int fd = -1;

  ~Link();
};

class Reader;

// A descriptor that is closed with the environment.
struct Descriptor {
  int fd = -1;

  ~Descriptor();
};

// Handles are never reused, so a closed one can never come to mean something else.
template <typename T>
class Table {
 public:
  Handle Add(Handle handle, std::unique_ptr<T> value) {
    entries_.emplace(handle, std::move(value));
    return handle;
  }
  T* Find(Handle handle) const {
    auto it = entries_.find(handle);
    return it == entries_.end() ? nullptr : it->second.get();
  }
  bool Remove(Handle handle) { return entries_.erase(handle) > 0; }
  size_t Size() const { return entries_.size(); }

 private:
  std::unordered_map<Handle, std::unique_ptr<T>> entries_;
};

struct State {
  Handle next_handle = 1;
  // Members are destroyed last to first: links go before the objects whose memory some of them refer to.
  Table<Object> objects;
  Table<Map> maps;
  Table<Program> programs;
  Table<Link> links;
  // Readers own uv handles and free themselves once the loop has closed those.
  std::unordered_map<Handle, Reader*> readers;
  Descriptor tracefs;

  Handle Next() { return next_handle++; }
};

State& StateOf(Napi::Env env);

// Look-ups that throw (see errors.h) when the handle is stale.
Object& ObjectArg(const Napi::CallbackInfo& info, size_t index);
Program& ProgramArg(const Napi::CallbackInfo& info, size_t index);
Map& MapArg(const Napi::CallbackInfo& info, size_t index);

int PossibleCpus();

}  // namespace bridge
