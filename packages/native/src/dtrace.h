#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   stubPool(): { code: Uint8Array, distance: number, nop: number, resting: number }
// the stubs that are compiled into the addon: one each `distance` bytes, in which the nop has the offset `nop`.
//   registerDof(key: string, module: string, dof: Uint8Array, addresses: Uint32Array): { stubs: number[], registration: External }
// which gives each probe in the DOF a stub of the pool, writes its address (64 bits, in the machine's byte order) to the places
// `addresses`, and hands the DOF to the system's DTrace. Once in the process for each key: whoever comes later, in whichever
// thread, shares the stubs. Throws with the reason.
//   unregisterDof(registration: External): void
// which takes it back when nobody has it any more. Happens by itself when the registration is collected.
void InitDtrace(Napi::Env env, Napi::Object exports);

}  // namespace sonde
