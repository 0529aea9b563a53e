#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "result.h"

namespace sonde {

// The system's DTrace, as a program reaches it: the helper device, to which it hands DOF. What
// differs between systems is in dtrace-helper-<system>.cc, of which the build takes one.

struct DtraceSystem {
  const char* device;
  // Of DOF.
  int version;
  // How many arguments of a probe D reads by number.
  int arguments;
  // How many registrations of one process there can be; the system drops those beyond without a
  // word. 0: no limit.
  size_t registrations;
  // Whether there can be two probes of one name in a process; otherwise the system goes without the
  // second, and tells nobody (fasttrap_meta_create_probe in fasttrap.c; dof_stash_write_parsed of
  // dtprobed).
  bool takes_twins;
  // Whether the probes of withdrawn DOF stay until all that has the same provider is withdrawn
  // (fasttrap_provider_retire).
  bool keeps_withdrawn;
};
extern const DtraceSystem kDtraceSystem;

// A probe: where in the DOF its address (64 bits) and its first offset (32 bits) are, and where the
// instruction is.
struct DofProbe {
  size_t address_at;
  size_t offset_at;
  const uint8_t* nop;
};

// DOF that the system has.
class HandedDof {
 public:
  virtual ~HandedDof() = default;
  // Takes it back. False when that could not be done: the system still has the probes, so this and
  // the probes' stubs must stay. May be tried again, and by another thread.
  virtual bool Withdraw() = 0;
  // Whether the system would know the probes better if the thread that asks handed them over anew.
  virtual bool IsToRenew() const { return false; }
};

// Writes where the probes are into DOF, and hands it over. Fails when the device is not there or
// refuses.
Result<std::unique_ptr<HandedDof>> HandOver(const std::string& module, std::vector<uint8_t> dof,
                                            const std::vector<DofProbe>& probes);

}  // namespace sonde
