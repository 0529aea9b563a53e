#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace sonde {

// perf's jitdump, version 1, as tools/perf/Documentation/jitdump-specification.txt in Linux's source has it: what code was loaded and
// moved when, with the code itself. `perf record -k CLOCK_MONOTONIC`, then `perf inject --jit`.
class JitDump {
 public:
  // Returns what went wrong, empty if nothing did. The file's name has to be jit-<pid>.dump.
  std::string Open(const std::string& path);
  bool IsOpen() const { return file_ != nullptr; }
  void Load(uintptr_t start, size_t size, const std::string& name);
  void Move(uintptr_t from, uintptr_t to, size_t size);
  void Flush();
  void Close();

 private:
  FILE* file_ = nullptr;
  void* marker_ = nullptr;
  uint64_t index_ = 0;
};

}  // namespace sonde
