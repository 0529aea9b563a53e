#pragma once
#include <v8.h>

#include <cstddef>

namespace sonde {

// Machine code reaches what is near by shorter calls. So V8 maps what it has built in, which lies
// in the program's text, a second time, near to each isolate's machine code (flag
// --short-builtin-calls, where there are 4 GiB of memory): both are called.
struct BuiltinsCopy {
  const void* from;
  size_t size;
  const void* to;  // null where there is none
};

BuiltinsCopy FindBuiltinsCopy(v8::Isolate* isolate);

}  // namespace sonde
