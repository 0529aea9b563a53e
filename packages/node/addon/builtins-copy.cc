// V8 has no function that tells where the copy is. The kernel has: it is the executable mapping of
// a file in the isolate's range for code, which holds nothing else of a file.
#include "builtins-copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "mappings.h"

namespace sonde {
namespace {

// So much of it tells that it is the copy, without touching all of its pages.
constexpr size_t kCompared = 4096;

}  // namespace

BuiltinsCopy FindBuiltinsCopy(v8::Isolate* isolate) {
  BuiltinsCopy copy{nullptr, 0, nullptr};
  isolate->GetEmbeddedCodeRange(&copy.from, &copy.size);
  void* range;
  size_t range_size;
  isolate->GetCodeRange(&range, &range_size);
  auto first = reinterpret_cast<uintptr_t>(range);
  ReadMappings([&](const Mapping& mapping) {
    if (!mapping.IsReadableCodeOfFile() || mapping.start < first || mapping.end > first + range_size) return true;
    if (mapping.end - mapping.start < copy.size) return true;
    const void* to = reinterpret_cast<const void*>(mapping.start);
    if (memcmp(copy.from, to, std::min(copy.size, kCompared)) == 0) copy.to = to;
    return copy.to == nullptr;
  });
  return copy;
}

}  // namespace sonde
