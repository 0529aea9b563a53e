#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   allocationsOn(interval: number): boolean
// which from now on samples what the calling thread allocates, at every so many bytes on average.
// False where its heap is sampled already: V8 has one such profiler for each thread.
//   allocationsTake(): (number | string)[] | undefined
// What was sampled since then, or since last time, objects that were collected meanwhile included:
// five values for each function and caller, its bytes, the count of samples, the function's name,
// its file, its line. Undefined where somebody has ended the sampling; then it is off.
//   allocationsOff(): void
//
// The inspector's HeapProfiler.stopSampling has V8 collect the whole heap first, every time; this
// does not.
void InitAllocation(Napi::Env env, Napi::Object exports);

}  // namespace sonde
