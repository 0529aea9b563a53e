// dtrace_ioctl_helper in usr/src/uts/common/dtrace/dtrace.c of illumos-gate, and what it calls.
#include <sys/dtrace.h>

#include <cerrno>

#include "kernel.h"

namespace fasttrap {
namespace {

// dtrace_helper_providers_max in dtrace.c.
constexpr size_t kMostProviders = 32;

int Ioctl(Table& table, unsigned long request, uintptr_t argument) {
  // The kernel's request is an int, and so is the program's: the upper half of a register may hold anything.
  switch (static_cast<int>(request)) {
    case illumos::DTRACEHIOC_ADDDOF: {
      auto* helper = reinterpret_cast<const illumos::dof_helper_t*>(argument);
      int generation = NextGeneration();
      // dtrace_helper_provider_add refuses more; dtrace_helper_slurp then drops the DOF, and returns the generation.
      if (table.size() < kMostProviders) {
        table[generation] = {helper->dofhp_mod, helper->dofhp_addr, helper->dofhp_dof, CopyDof(helper->dofhp_dof)};
      }
      return generation;
    }
    case illumos::DTRACEHIOC_REMOVE:
      // dtrace_helper_destroygen is told the generation itself.
      if (table.erase(static_cast<int>(argument)) == 1) return 0;
      errno = EINVAL;
      return -1;
    default:
      errno = ENOTTY;
      return -1;
  }
}

}  // namespace

const Kernel kIllumos = {"illumos", "/dev/dtrace/helper", Ioctl};

}  // namespace fasttrap
