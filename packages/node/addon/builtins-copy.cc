// V8 has no function that tells where the copy is. The kernel has: it is the executable mapping of a file in the isolate's range for code, which
// holds nothing else of a file.
#include "builtins-copy.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sonde {
namespace {

// So much of it tells that it is the copy, without touching all of its pages.
constexpr size_t kCompared = 4096;

// Of a line of /proc/self/maps: `start-end perms offset device inode path`.
struct Mapping {
  unsigned long start = 0;
  unsigned long end = 0;
  char permissions[5] = "";
  unsigned long inode = 0;

  bool Read(const char* line) {
    return sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu", &start, &end, permissions, &inode) == 4;
  }
  bool IsExecutableFile() const { return permissions[2] == 'x' && inode != 0; }
};

}  // namespace

BuiltinsCopy FindBuiltinsCopy(v8::Isolate* isolate) {
  BuiltinsCopy copy{nullptr, 0, nullptr};
  isolate->GetEmbeddedCodeRange(&copy.from, &copy.size);
  void* range;
  size_t range_size;
  isolate->GetCodeRange(&range, &range_size);
  unsigned long first = reinterpret_cast<unsigned long>(range);
  FILE* maps = fopen("/proc/self/maps", "re");
  if (!maps) return copy;
  // A path may be longer: what is left of its line is no mapping.
  char line[512];
  for (bool is_start = true; !copy.to && fgets(line, sizeof line, maps); is_start = strchr(line, '\n') != nullptr) {
    Mapping mapping;
    if (!is_start || !mapping.Read(line) || !mapping.IsExecutableFile()) continue;
    if (mapping.start < first || mapping.end > first + range_size || mapping.end - mapping.start < copy.size) continue;
    const void* to = reinterpret_cast<const void*>(mapping.start);
    if (memcmp(copy.from, to, std::min(copy.size, kCompared)) == 0) copy.to = to;
  }
  fclose(maps);
  return copy;
}

}  // namespace sonde
