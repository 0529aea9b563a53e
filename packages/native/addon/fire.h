#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   fireFunction(code: Uint8Array, offset: number, kinds: Int32Array): (...values) => void
// which makes the function that fires the stub at code[offset]: it takes one JavaScript value for each kind and calls
// the stub with them as the C calling convention has it. A kind is
//    0        an integer: a safe number or a bigint, passed as 64 bits
//    n > 0    a text: a string, passed as the address of at most n bytes of UTF-8 and a NUL
//   -1        bytes: a Uint8Array, passed as its address and, as another argument, its length
// The function keeps `code` alive. It never throws and never runs JavaScript; a value of another type is passed as 0, "".
//   fireFunction(code, offset, kinds, events: External, event: number, fields: Int32Array)
// the same, which also writes one of these events (see events.h) while somebody traces that. `fields` tells how the C
// arguments follow each other in the event, three numbers each: which argument; how many bytes of it, 0 for a text; for a
// text, the most bytes of it without its NUL.
void InitFire(Napi::Env env, Napi::Object exports);

}  // namespace sonde
