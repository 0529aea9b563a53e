#pragma once
#include <napi.h>

#include <functional>
#include <utility>
#include <vector>

namespace sonde {

// What each thread of JavaScript has of its own: what is to be undone when it ends, the last first.
class Environment {
 public:
  ~Environment() {
    while (!at_end_.empty()) {
      auto undo = std::move(at_end_.back());
      at_end_.pop_back();
      undo();
    }
  }
  void AtEnd(std::function<void()> undo) { at_end_.push_back(std::move(undo)); }

 private:
  std::vector<std::function<void()>> at_end_;
};

// process.versions.modules of the Node.js that this was compiled for.
int Abi();

inline void InitEnvironment(Napi::Env env) { env.SetInstanceData(new Environment()); }

inline void AtEnd(Napi::Env env, std::function<void()> undo) { env.GetInstanceData<Environment>()->AtEnd(std::move(undo)); }

}  // namespace sonde
