#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   gcOn(start: Uint8Array, done: Uint8Array): void
// which from now on calls the stubs that begin where these memories do, at each garbage collection
// of the calling thread, when it happens, from inside V8:
//   start(kind: uint32, flags: uint32, used: uint64)
//   done(kind: uint32, flags: uint32, ns: uint64, used: uint64, before: uint64)
// `kind` is one of V8's GCType and `flags` are of its GCCallbackFlags (v8-callbacks.h); `used` are
// the bytes of the heap in use then, `before` those at the start. Called again, it takes the new
// stubs.
//   gcOff(): void
void InitGc(Napi::Env env, Napi::Object exports);

}  // namespace sonde
