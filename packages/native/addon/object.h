#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   checkRoom(): void
// which throws, with the reason, when this process has as many probe objects as it may have.
//   openObject(path: string, symbol: string, size: number): Uint8Array
// which loads a probe object and returns its `size` bytes of code from `symbol` on. The object
// stays loaded while the array lives. Throws with the dynamic linker's reason.
//   openMemoryObject(folder: string, name: string, symbol: string, size: number, content?: Uint8Array):
//     { code: Uint8Array, path: string, visible: External } | undefined
// the same for an object in a sealed file in memory, one for each name in the process. `folder` is
// that of the process's descriptors, with a slash at the end: `/proc/123/fd/`. Where there is none
// of that name it is made of the content; without one, nothing is returned.
//   hideMemoryObject(visible: External): void
// which closes the file's descriptor when nobody in the process wants it to be found any more.
// Happens by itself when the external is collected.
void InitObject(Napi::Env env, Napi::Object exports);

}  // namespace sonde
