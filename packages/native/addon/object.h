#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   openObject(path: string, symbol: string, size: number): Uint8Array
// which loads a probe object and returns its `size` bytes of code from `symbol` on. The object stays loaded while the
// array lives. Throws with the dynamic linker's reason.
//   memoryFile(name: string, content: Uint8Array): number
// which returns the descriptor of a sealed file in memory. One for each name in the process; it stays open.
void InitObject(Napi::Env env, Napi::Object exports);

}  // namespace sonde
