#include "state.h"

#include "errors.h"

#include <unistd.h>

namespace bridge {

Program::~Program() {
  if (fd >= 0) close(fd);
}

Map::~Map() {
  if (fd >= 0) close(fd);
}

Descriptor::~Descriptor() {
  if (fd >= 0) close(fd);
}

Link::~Link() {
  if (raw != nullptr) bpf_link__destroy(raw);
  if (fd >= 0) close(fd);
}

size_t Map::ValueBytes() const {
  switch (type) {
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
      return ((static_cast<size_t>(value_size) + 7) & ~size_t{7}) * static_cast<size_t>(PossibleCpus());
    default:
      return value_size;
  }
}

void Map::Refresh() {
  if (raw == nullptr) return;
  type = bpf_map__type(raw);
  key_size = bpf_map__key_size(raw);
  value_size = bpf_map__value_size(raw);
  max_entries = bpf_map__max_entries(raw);
  flags = bpf_map__map_flags(raw);
}

State& StateOf(Napi::Env env) { return *env.GetInstanceData<State>(); }

Object& ObjectArg(const Napi::CallbackInfo& info, size_t index) {
  Object* object = StateOf(info.Env()).objects.Find(U32(info, index));
  if (object == nullptr) FailStale(info.Env(), "object");
  return *object;
}

Program& ProgramArg(const Napi::CallbackInfo& info, size_t index) {
  Program* program = StateOf(info.Env()).programs.Find(U32(info, index));
  if (program == nullptr) FailStale(info.Env(), "program");
  return *program;
}

Map& MapArg(const Napi::CallbackInfo& info, size_t index) {
  Map* map = StateOf(info.Env()).maps.Find(U32(info, index));
  if (map == nullptr) FailStale(info.Env(), "map");
  return *map;
}

int PossibleCpus() {
  static const int cpus = libbpf_num_possible_cpus();
  return cpus > 0 ? cpus : 1;
}

}  // namespace bridge
