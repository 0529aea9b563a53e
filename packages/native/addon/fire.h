#pragma once
#include <napi.h>

#include <cstddef>

namespace sonde {

constexpr size_t kMostArguments = 12;  // MOST_NATIVE_ARGUMENTS in packages/core/src/limits.ts

// Adds
//   openFire(): { memory: ArrayBuffer, fire: ((...values) => void)[], fireAgain: ((...values) => void)[] }
// functions that fire a probe of this thread, by the number of its values, 0 to 12. Which probe is
// what was last written into the memory, as 64 bits: its address, of a probe that is held and has
// as many values. Those of `fireAgain`, 0 to 3 values, are for a probe whose first argument is a
// text: that is the same as when this thread last fired a probe whose first argument is one, and is
// left out. It must have had no more than 255 bytes then, and no more than this probe takes.
//   makeProbe(code: Uint8Array, offset: number, kinds: Int32Array): { address: bigint, probe: External }
// a probe whose stub is at code[offset]. To fire it takes one JavaScript value for each kind and
// calls the stub with them as the C calling convention has it. A kind is
//    0        an integer: a safe number or a bigint, passed as 64 bits
//    n > 0    a text: a string, passed as the address of at most n bytes of UTF-8 and a NUL
//   -1        bytes: a Uint8Array, passed as its address and, as another argument, its length
// The probe is there for as long as the external is, and keeps `code` alive. Firing never throws
// and never runs JavaScript; a value of another type is passed as 0, "".
//   makeProbe(code, offset, kinds, events: External, event: number, fields: Int32Array)
// the same, which also writes one of these events (see events.h) while somebody traces that.
// `fields` tells how the C arguments follow each other in the event, three numbers each: which
// argument; how many bytes of it, 0 for a text; for a text, the most bytes of it without its NUL.
void InitFire(Napi::Env env, Napi::Object exports);

}  // namespace sonde
