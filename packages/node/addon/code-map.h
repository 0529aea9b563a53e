#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "code-name.h"

namespace sonde {

// What is where in memory, of all threads of JavaScript, and the files that tell tracers. Safe to
// call from any thread: V8 tells of code that moves from the garbage collector's own.
namespace code_map {

// Makes the files; a thread of its own keeps the first as it is to be. Returns what went wrong,
// empty if nothing did.
//   map   perf's map, which bpftrace, bcc and perf read: /tmp/perf-<pid>.map
//   dump  perf's jitdump, for `perf inject --jit`; empty for none
std::string Open(const std::string& map, const std::string& dump);

// Nobody tells of code any more. What is still to be written is, and 5 s later the files are
// removed, since bpftrace prints when it has detached; or when the process ends, if that is sooner.
void Leave();

// The same at the end of a thread, which may be that of the process: then the files stay, for a
// tracer that is still to read them. Waits until all is written.
void LeaveAtEnd();

// Removes the files at once if Leave was called.
void RemoveFiles();

// Forgets all code of an isolate, which is to be told anew.
void Forget(const void* isolate);

// Nobody tells of this isolate's code any more. Its names stay, until there are many of such:
// tracers look at them when all is over.
void End(const void* isolate);

// An isolate's own copy of what V8 has built in, which lies in the program's text from `from` on:
// machine code may call the one or the other, and V8 may tell of the first only. Its pieces are put
// at the copy, too, until all is forgotten.
void Copied(const void* isolate, const void* from, size_t size, const void* to);

void Add(const void* isolate, const void* start, size_t size, std::string_view name, bool is_wasm);
void Move(const void* from, const void* to);

// Takes so many names whose place is new: to be looked for in source maps.
std::vector<std::pair<uint32_t, CodeName>> NewNames(size_t most);

// Where such a name really is.
void Rename(uint32_t id, const std::string& script, int line);

struct Size {
  size_t entries;       // pieces of code, of this isolate
  size_t all;           // of all
  uint64_t bytes;       // of the map's file
  uint64_t rewritten;   // how often the file was written as a whole
  std::string trouble;  // why the files are not as they are to be, empty where they are
  bool is_lost;         // the map is not ours any more
};
Size Measure(const void* isolate);

// Waits until the file is as it is to be.
void Flush();

}  // namespace code_map
}  // namespace sonde
