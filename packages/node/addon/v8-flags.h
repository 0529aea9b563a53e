#pragma once

namespace sonde {

// V8's flags, of the whole process, changed while it runs.
namespace v8_flags {

// Whether nobody can change flags any more (--freeze-flags-after-init), or that cannot be told: V8
// ends a process that tries.
bool AreFrozen();

// Sets a flag, such as `--stress-flush-code`, so that V8's code caches remain what they were: V8
// takes those only of a process with the same flags, and gives its own the same mark. Returns
// whether that changed anything. Flags must not be frozen.
bool Change(const char* flag);

}  // namespace v8_flags
}  // namespace sonde
