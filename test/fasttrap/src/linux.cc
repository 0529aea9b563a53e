// DTrace for Linux, version 2.0.7: what dtprobed does for the helper device that it makes, as it
// was tried; the tests in the virtual machine try it again.
#include <linux/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "kernel.h"

namespace fasttrap {
namespace {

struct dof_helper_t {
  char dofhp_mod[64];
  uint64_t dofhp_addr;
  uint64_t dofhp_dof;
};
static_assert(sizeof(dof_helper_t) == 80);

// DTRACEHIOC_REMOVE and DTRACEHIOC_ADDDOF.
constexpr uint32_t kRemove = _IOW(0xd8, 2, int);
constexpr uint32_t kAdd = _IOW(0xd8, 3, dof_helper_t);

// Whether a file is mapped there.
bool IsInFile(uint64_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uint64_t start, end;
    if (sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64, &start, &end) != 2) continue;
    if (address >= start && address < end) return line.find('/') != std::string::npos;
  }
  return false;
}

// What CUSE tells dtprobed for the process (fuse_req_ctx) is the thread that calls.
pid_t Owner() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// dof_stash_add counts for each owner, from 0.
std::map<pid_t, int>& Generations() {
  static auto* generations = new std::map<pid_t, int>();
  return *generations;
}

int Ioctl(Table& table, unsigned long request, uintptr_t argument) {
  switch (request) {
    case kAdd: {
      auto* helper = reinterpret_cast<const dof_helper_t*>(argument);
      if (!IsInFile(helper->dofhp_dof) || !IsInFile(helper->dofhp_addr)) {
        errno = EINVAL;
        return -1;
      }
      int generation = Generations()[Owner()]++;
      table[{Owner(), generation}] = {helper->dofhp_mod, helper->dofhp_addr, helper->dofhp_dof, CopyDof(helper->dofhp_dof)};
      return generation;
    }
    case kRemove:
      // dof_stash_remove looks where the caller's are, and finds fault with nothing when it is not
      // there.
      table.erase({Owner(), static_cast<int>(argument)});
      return 0;
    default:
      errno = ENOTTY;
      return -1;
  }
}

}  // namespace

const Kernel kLinux = {"linux", "/dev/dtrace/helper", kRemove, Ioctl, nullptr};

}  // namespace fasttrap
