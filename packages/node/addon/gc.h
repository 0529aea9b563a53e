#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   gcOn(object: string, startSymbol: string, doneSymbol: string): void
// which from now on calls these two stubs of a probe object that is loaded already, at each garbage collection of the calling
// thread, when it happens, from inside V8:
//   start(kind: uint32, flags: uint32, used: uint64)
//   done(kind: uint32, flags: uint32, ns: uint64, used: uint64, before: uint64)
// `kind` is one of V8's GCType and `flags` are of its GCCallbackFlags (v8-callbacks.h); `used` are the bytes of the heap in use
// then, `before` those at the start. Called again, it takes the new stubs. Throws when there is no such object or symbol.
//   gcOff(): void
void InitGc(Napi::Env env, Napi::Object exports);

}  // namespace sonde
