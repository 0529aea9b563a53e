// dtrace_ioctl_helper in sys/cddl/dev/dtrace/dtrace_ioctl.c of FreeBSD, and what it calls in
// sys/cddl/contrib/opensolaris/uts/common/dtrace/dtrace.c.
#include <sys/dtrace.h>
#include <unistd.h>

#include <cerrno>

#include "kernel.h"

namespace fasttrap {
namespace {

// dtrace_helper_providers_max in dtrace.c.
constexpr size_t kMostProviders = 32;

int Ioctl(Table& table, unsigned long request, uintptr_t argument) {
  switch (request) {
    case freebsd::DTRACEHIOC_ADDDOF: {
      auto* helper = reinterpret_cast<freebsd::dof_helper_t*>(argument);
      if (helper->dofhp_pid != getpid()) {
        errno = EINVAL;
        return -1;
      }
      helper->dofhp_gen = NextGeneration();
      if (table.size() < kMostProviders) {
        table[helper->dofhp_gen] = {helper->dofhp_mod, helper->dofhp_addr, helper->dofhp_dof, CopyDof(helper->dofhp_dof)};
      }
      return 0;
    }
    case freebsd::DTRACEHIOC_REMOVE:
      // An _IOW request: the kernel has copied the int that the program points at.
      if (table.erase(*reinterpret_cast<const int*>(argument)) == 1) return 0;
      errno = EINVAL;
      return -1;
    default:
      errno = ENOTTY;
      return -1;
  }
}

}  // namespace

const Kernel kFreebsd = {"freebsd", "/dev/dtrace/helper", Ioctl};

}  // namespace fasttrap
