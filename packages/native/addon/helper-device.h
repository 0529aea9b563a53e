#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "dtrace-helper.h"

namespace sonde {

// For the dtrace-helper-<system>.cc files: what they have in common.

// The device, open for as long as this lives.
class HelperDevice {
 public:
  HelperDevice() : file_(open(kDtraceSystem.device, O_RDWR | O_CLOEXEC)) {}
  ~HelperDevice() {
    if (file_ >= 0) close(file_);
  }
  HelperDevice(const HelperDevice&) = delete;
  HelperDevice& operator=(const HelperDevice&) = delete;

  bool is_open() const { return file_ >= 0; }
  int file() const { return file_; }

 private:
  int file_;
};

inline Failure NoDevice() { return SystemFailure(kDtraceSystem.device); }
inline Failure Refused() { return SystemFailure(std::string(kDtraceSystem.device) + " does not take the probes"); }

// For systems to which a probe is at an address.
inline void WriteAddresses(std::vector<uint8_t>* dof, const std::vector<DofProbe>& probes) {
  for (const DofProbe& probe : probes) {
    uint64_t address = reinterpret_cast<uintptr_t>(probe.nop);
    memcpy(dof->data() + probe.address_at, &address, sizeof address);
  }
}

// The module's name, in an array that may not hold all of it.
template <size_t kSize>
void CopyModule(char (&to)[kSize], const std::string& module) {
  strncpy(to, module.c_str(), kSize - 1);
  to[kSize - 1] = '\0';
}

// What illumos and FreeBSD are told of DOF. dtrace_helper_provider_add refuses what has the same
// address as another of the process, which dtrace_helper_slurp tells nobody: `address`, or on newer
// FreeBSD where the DOF lies. Nothing else depends on it, for there are no relocations.
template <typename Helper>
Helper DescribeDof(const std::string& module, const std::vector<uint8_t>& dof, const std::vector<DofProbe>& probes) {
  Helper helper = {};
  CopyModule(helper.module, module);
  helper.address = reinterpret_cast<uintptr_t>(probes.front().nop);
  helper.dof = reinterpret_cast<uintptr_t>(dof.data());
  return helper;
}

}  // namespace sonde
