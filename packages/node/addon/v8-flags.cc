// V8 marks a code cache with a hash of all flags that are not as they are by default, and rejects
// one with another mark. So a flag that comes and goes with a tracer would have the program's
// caches rejected, and those that are made meanwhile later, although the flags that are changed
// here change nothing of what is in a cache.
//
// V8 computes the hash when it is first asked for after a change, and keeps it in a variable that
// nothing gives access to. But it is in the data of the program, and changes with a flag: a word
// there that is another one while a flag is set, and the same as before when it is set no more.
// When a value written there is what V8 then computes its version tag of, that is proved. Where
// there is no such word, V8's mark changes.
#include "v8-flags.h"

#include <link.h>
#include <v8.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

#include "mappings.h"

namespace sonde {
namespace v8_flags {
namespace {

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == sizeof(uint32_t));

void Set(const char* flag) { v8::V8::SetFlagsFromString(flag); }

// Of V8's version, the hash of its flags, and the processor: V8 computes the hash if there is none.
uint32_t Tag() { return v8::ScriptCompiler::CachedDataVersionTag(); }

// Where the variables of what V8 is in are, the program's or a library's.
struct Data {
  uintptr_t start = 0;
  uintptr_t end = 0;
};

Data FindData() {
  Data data;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        auto code = reinterpret_cast<uintptr_t>(&v8::ScriptCompiler::CachedDataVersionTag);
        Data variables, constant;
        bool has_code = false;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          const auto& segment = info->dlpi_phdr[i];
          Data range{info->dlpi_addr + segment.p_vaddr, info->dlpi_addr + segment.p_vaddr + segment.p_memsz};
          if (segment.p_type == PT_GNU_RELRO) constant = range;
          if (segment.p_type != PT_LOAD) continue;
          if (code >= range.start && code < range.end) has_code = true;
          // What makes a single executable of Node.js may have added others, for a few bytes.
          if ((segment.p_flags & PF_W) && range.end - range.start > variables.end - variables.start) variables = range;
        }
        if (!has_code) return 0;
        // What the dynamic linker has made constant is at the beginning.
        if (constant.start >= variables.start && constant.end < variables.end) variables.start = constant.end;
        *static_cast<Data*>(result) = variables;
        return 1;
      },
      &data);
  return data;
}

std::vector<uint32_t> Words(const Data& data) {
  std::vector<uint32_t> words((data.end - data.start) / sizeof(uint32_t));
  memcpy(words.data(), reinterpret_cast<const void*>(data.start), words.size() * sizeof(uint32_t));
  return words;
}

// A flag itself is a byte that changes by one.
bool IsHash(uint32_t without, uint32_t with) {
  uint32_t changed = without ^ with;
  int bytes = 0;
  for (; changed != 0; changed >>= 8) bytes += (changed & 0xff) != 0;
  return without != 0 && with != 0 && bytes > 1;
}

// Where V8 keeps the hash; null where that is not certain. Sets a flag that only a garbage
// collection looks at.
Word* FindHash() {
  Data data = FindData();
  data.start = (data.start + sizeof(Word) - 1) & ~(sizeof(Word) - 1);
  if (data.start >= data.end) return nullptr;
  uint32_t tag = Tag();
  auto without = Words(data);
  Set("--stress-flush-code");
  uint32_t tag_with = Tag();
  auto with = Words(data);
  Set("--no-stress-flush-code");
  if (tag_with == tag || Tag() != tag) return nullptr;
  auto again = Words(data);
  size_t found = without.size();
  for (size_t i = 0; i < without.size(); i++) {
    if (without[i] != again[i] || !IsHash(without[i], with[i])) continue;
    if (found != without.size()) return nullptr;
    found = i;
  }
  if (found == without.size()) return nullptr;
  auto word = reinterpret_cast<Word*>(data.start) + found;
  word->store(with[found]);
  bool is_proved = Tag() == tag_with;
  word->store(without[found]);
  return is_proved && Tag() == tag ? word : nullptr;
}

}  // namespace

bool AreFrozen() {
  // Then V8 has made the page of its flags constant.
  Data data = FindData();
  bool is_frozen = data.start == data.end;
  bool is_known = ReadMappings([&](const Mapping& mapping) {
    if (mapping.end > data.start && mapping.start < data.end && !mapping.IsWritable()) is_frozen = true;
    return !is_frozen;
  });
  return is_frozen || !is_known;
}

bool Change(const char* flag) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  static Word* const word = FindHash();
  uint32_t tag = Tag();
  if (!word) {
    Set(flag);
    return Tag() != tag;
  }
  uint32_t hash = word->load();
  Set(flag);
  // V8 has forgotten it.
  bool is_changed = word->load() != hash;
  word->store(hash);
  return is_changed;
}

}  // namespace v8_flags
}  // namespace sonde
