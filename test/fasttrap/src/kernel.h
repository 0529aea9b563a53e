#pragma once
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
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
  // Withdrawn, but its probes are still there: see Retire.
  bool retired = false;
};

// By whose it is and its generation. The owner is the process; but for Linux, the thread.
using Table = std::map<std::pair<pid_t, int>, Handed>;

// A kernel's part that a process talks to: what its helper device does for an ioctl. Each is in the
// file of its name, and returns what ioctl returns: -1 with errno, or what that kernel has it
// return.
struct Kernel {
  const char* name;
  const char* device;
  // DTRACEHIOC_REMOVE.
  uint32_t remove;
  int (*ioctl)(Table& table, unsigned long request, uintptr_t argument);
  // Somebody traces, from now on; null where that changes nothing here.
  void (*trace)(Table& table);
};
extern const Kernel kIllumos, kFreebsd, kMacos, kLinux;

// The DOF at an address, as long as its header says (dofh_loadsz, at byte 40).
std::vector<uint8_t> CopyDof(uint64_t address);

// What dtrace_helper_provider_add (dtrace.c of illumos, FreeBSD and macOS) refuses: more than a
// process can have (ENOSPC), and what has the address of another (EALREADY). Its caller,
// dtrace_helper_slurp, then drops the DOF, and tells nobody.
bool IsDropped(const Table& table, const Handed& handed, size_t most);

// dtrace_helper_destroygen: 0, also when there is nothing of that generation, or EINVAL when there
// never was. Then fasttrap_provider_retire (fasttrap.c): the probes of a provider go when all DOF
// that has that provider's name is withdrawn.
int Retire(Table& table, int generation, int next);

}  // namespace fasttrap
