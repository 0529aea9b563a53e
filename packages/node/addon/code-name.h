#pragma once
#include <string>
#include <string_view>

namespace sonde {

// The name of a piece of code, taken apart.
struct CodeName {
  std::string function;  // with its kind where it is no JavaScript: `builtin:ArrayMap`, `wasm:add[3]`
  std::string script;    // a path, `node:timers`, `eval`; empty where there is none
  int line = 0;          // from 1; 0 where there is none
  int column = 0;

  // In one line, whatever the names hold.
  std::string Text() const;
  bool IsBuiltin() const { return function.compare(0, 8, "builtin:") == 0; }
};

// From the name that V8 has for perf's map and all others: `JS:~get foo /app/a.js:4:32`. Which tier
// of V8 the code is of is left out, since the same function's frames belong together.
CodeName ReadName(std::string_view name, bool is_wasm);

}  // namespace sonde
