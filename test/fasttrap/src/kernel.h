#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fasttrap {

// DOF that a process has handed over, as its kernel keeps it.
struct Handed {
  std::string module;
  // dofhp_addr and dofhp_dof as they were given.
  uint64_t address;
  uint64_t dof;
  // Of those kernels that copy at once; the others read it later, where it lies.
  std::vector<uint8_t> copy;
};

// By generation.
using Table = std::map<int, Handed>;

// A kernel's part that a process talks to: what its helper device does for an ioctl. Each is in the file of its name, and
// returns what ioctl returns: -1 with errno, or what that kernel has it return.
struct Kernel {
  const char* name;
  const char* device;
  int (*ioctl)(Table& table, unsigned long request, uintptr_t argument);
};
extern const Kernel kIllumos, kFreebsd, kMacos, kLinux;

// The DOF at an address, as long as its header says (dofh_loadsz, at byte 40).
std::vector<uint8_t> CopyDof(uint64_t address);

// One more than the last one.
int NextGeneration();

}  // namespace fasttrap
