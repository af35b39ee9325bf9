// Makes the ids that programs of an object were given known to libbpf's callbacks while the object is loaded.
#pragma once

#include "state.h"

namespace bridge {

class LoadingObject {
 public:
  explicit LoadingObject(const Object& object);
  ~LoadingObject();
  LoadingObject(const LoadingObject&) = delete;
  LoadingObject& operator=(const LoadingObject&) = delete;
};

}  // namespace bridge
