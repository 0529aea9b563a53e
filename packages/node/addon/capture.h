#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   captureStack(depth: number, below: Function): string | undefined
// the JavaScript stack below the innermost frame of a function, at most `depth` frames, one a line
// as V8 formats them: `f (/app/a.js:1:2)`, inlined functions included. Undefined where there is no
// frame of the function near the top.
void InitCapture(Napi::Env env, Napi::Object exports);

}  // namespace sonde
