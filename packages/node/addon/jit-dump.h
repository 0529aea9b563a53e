#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "made-file.h"

namespace sonde {

// perf's jitdump, version 1, as tools/perf/Documentation/jitdump-specification.txt in Linux's
// source has it: what code was loaded and moved when, with the code itself.
// `perf record -k CLOCK_MONOTONIC`, then `perf inject --jit`.
class JitDump {
 public:
  // Returns what went wrong, empty if nothing did. The file's name has to be jit-<pid>.dump.
  std::string Open(const std::string& path);
  bool IsOpen() const { return marker_ != nullptr; }
  void Load(uintptr_t start, size_t size, const std::string& name);
  void Move(uintptr_t from, uintptr_t to, size_t size);
  void Flush();
  // What went wrong since it was opened, which ended it: what is in it then is whole.
  const std::string& trouble() const { return trouble_; }
  // The file stays until it is removed.
  void Close();
  void Remove();

 private:
  void Put(const void* bytes, size_t size) { records_.append(static_cast<const char*>(bytes), size); }
  void Unmap();

  MadeFile file_;
  std::string records_;  // whole ones, still to be written
  std::string trouble_;
  void* marker_ = nullptr;
  uint64_t index_ = 0;
};

}  // namespace sonde
