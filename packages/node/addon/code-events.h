#pragma once
#include <napi.h>

namespace sonde {

// Adds, all for the calling thread's own JavaScript, and files for the whole process (code-map.h):
//   codeOn(map: string, dump: string, flush: boolean): boolean
// tells the code map all code that there is and all that comes. With `flush`, existing bytecode is
// thrown away first, which its functions are compiled to again when they are next called: only then
// has each a place of its own in memory while it is interpreted. Returns whether that was done.
// Throws where there cannot be names, and when a file cannot be made. Called again, it tells
// everything anew, which forgets what is gone.
//   codeOff(): void                    the files stay 5 s longer, or to the end of the process
//   codeRemove(): void                 removes the files at once, unless names are on in another thread
//   codeNames(most: number): (number | string)[]
// takes so many new names with a place in a file, of all threads, five values each: id, function,
// script, line, column.
//   codeRename(id: number, script: string, line: number): void
//   codeSize(): { entries, all, bytes, rewritten, trouble, isLost }
//   codeFlush(): void                  waits until the map's file is as it is to be
void InitCodeEvents(Napi::Env env, Napi::Object exports);

}  // namespace sonde
