#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   watch(list: [code: Uint8Array, offsets: Uint32Array, untraced: number, file: string][], changed: () => void): void
// which calls `changed` soon after one of the bytes `code[offset]` ceased to be `untraced`, or
// became it again. A tracer that changes one tells nobody. So somebody has to look: at each turn of
// the thread's event loop that comes 50 ms after the last look, which takes no timer; 20 times a
// second while a byte says that somebody traces, and for 3 s after `file`, where tracers read of
// the probes, was opened (empty: there is none); once a second otherwise. None of this keeps the
// program running. The list takes the place of the one before. Throws where the runtime's event
// loop is not libuv's.
void InitWatch(Napi::Env env, Napi::Object exports);

}  // namespace sonde
