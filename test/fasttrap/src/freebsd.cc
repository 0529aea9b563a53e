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

int next_generation = 0;

int Ioctl(Table& table, unsigned long request, uintptr_t argument) {
  switch (request) {
    case freebsd::DTRACEHIOC_ADDDOF: {
      auto* helper = reinterpret_cast<freebsd::dof_helper_t*>(argument);
      if (helper->dofhp_pid != getpid()) {
        errno = EINVAL;
        return -1;
      }
      Handed handed = {helper->dofhp_mod, helper->dofhp_addr, helper->dofhp_dof, CopyDof(helper->dofhp_dof)};
      helper->dofhp_gen = next_generation++;
      // Which address must not be another's: FreeBSD 11's dtrace_helper_slurp leaves what was
      // given, a newer one first puts where the DOF lies into dofhp_addr. A program for both must
      // do with either.
      Handed newer = handed;
      newer.address = handed.dof;
      Table newers = table;
      for (auto& [key, other] : newers) other.address = other.dof;
      if (!IsDropped(table, handed, kMostProviders) && !IsDropped(newers, newer, kMostProviders)) {
        table[{getpid(), helper->dofhp_gen}] = handed;
      }
      return 0;
    }
    case freebsd::DTRACEHIOC_REMOVE:
      // An _IOW request: the kernel has copied the int that the program points at.
      return Retire(table, *reinterpret_cast<const int*>(argument), next_generation);
    default:
      errno = ENOTTY;
      return -1;
  }
}

}  // namespace

const Kernel kFreebsd = {"freebsd", "/dev/dtrace/helper", freebsd::DTRACEHIOC_REMOVE, Ioctl, nullptr};

}  // namespace fasttrap
