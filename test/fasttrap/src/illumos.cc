// dtrace_ioctl_helper in usr/src/uts/common/dtrace/dtrace.c of illumos-gate, and what it calls.
#include <sys/dtrace.h>
#include <unistd.h>

#include <cerrno>

#include "kernel.h"

namespace fasttrap {
namespace {

// dtrace_helper_providers_max in dtrace.c.
constexpr size_t kMostProviders = 32;
// libc itself has one, plockstat (usr/src/lib/libc/port/threads/plockstat.d), before any of ours.
constexpr size_t kOfLibc = 1;

int next_generation = kOfLibc;

int Ioctl(Table& table, unsigned long request, uintptr_t argument) {
  // The kernel's request is an int, and so is the program's: the upper half of a register may hold
  // anything.
  switch (static_cast<int>(request)) {
    case illumos::DTRACEHIOC_ADDDOF: {
      auto* helper = reinterpret_cast<const illumos::dof_helper_t*>(argument);
      Handed handed = {helper->dofhp_mod, helper->dofhp_addr, helper->dofhp_dof, CopyDof(helper->dofhp_dof)};
      int generation = next_generation++;
      if (!IsDropped(table, handed, kMostProviders - kOfLibc)) table[{getpid(), generation}] = handed;
      return generation;
    }
    case illumos::DTRACEHIOC_REMOVE:
      // dtrace_helper_destroygen is told the generation itself.
      return Retire(table, static_cast<int>(argument), next_generation);
    default:
      errno = ENOTTY;
      return -1;
  }
}

}  // namespace

const Kernel kIllumos = {"illumos", "/dev/dtrace/helper", illumos::DTRACEHIOC_REMOVE, Ioctl, nullptr};

}  // namespace fasttrap
