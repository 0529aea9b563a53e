#pragma once
#include <napi.h>

namespace sonde {

// Adds
//   openDtrace(): { code: Uint8Array, distance: number, nop: number, untraced: number, version: number, arguments: number }
// which tells of the stubs that are compiled into the addon: one each `distance` bytes, in which
// the nop has the offset `nop`; and of the system's DTrace: the version of DOF that it takes, and
// how many arguments of a probe D reads by number. Throws with the reason when this process cannot
// use it.
//   registerDof({ key: string, provider: string, module: string, names: string[], dof: Uint8Array, addresses: Uint32Array,
//     offsets: Uint32Array }): { stubs: number[], registration: External }
// which gives each probe in the DOF a stub of the pool, writes where that is (to the places
// `addresses`, or `offsets`, as the system has it), and hands the DOF to the system's DTrace. Once
// in the process for each key: whoever comes later, in whichever thread, shares the stubs. `names`
// has `module:function:name` of each probe; of two definitions of a provider that share one, most
// systems see the first's. Throws with the reason.
//   unregisterDof(registration: External): void
// which takes it back when nobody has it any more. Happens by itself when the registration is
// collected.
void InitDtrace(Napi::Env env, Napi::Object exports);

}  // namespace sonde
