// dtrace_ioctl_helper, dtrace_lazy_dofs_add and dtrace_lazy_dofs_remove in bsd/dev/dtrace/dtrace.c of xnu: by default DOF is
// not read before somebody traces.
#include <sys/dtrace.h>

#include <cerrno>

#include "kernel.h"

namespace fasttrap {
namespace {

// dtrace_helper_providers_max in dtrace.c.
constexpr size_t kMostProviders = 64;

int Fail(int error) {
  errno = error;
  return -1;
}

int Ioctl(Table& table, unsigned long request, uintptr_t argument) {
  switch (request) {
    case macos::DTRACEHIOC_ADDDOF: {
      auto* data = reinterpret_cast<macos::dof_ioctl_data_t*>(*reinterpret_cast<const macos::user_addr_t*>(argument));
      if (data->dofiod_count == 0 || data->dofiod_count > 1024) return Fail(EINVAL);
      for (uint64_t i = 0; i < data->dofiod_count; i++) {
        macos::dof_helper_t& helper = data->dofiod_helpers[i];
        // An assertion of the kernel's: it needs the address when it has written the generation over the other.
        if (helper.dofhp_dof != helper.dofhp_addr) return Fail(EFAULT);
        int generation = NextGeneration();
        if (table.size() < kMostProviders) table[generation] = {helper.dofhp_mod, helper.dofhp_addr, helper.dofhp_dof, {}};
        helper.dofhp_dof = generation;
      }
      return 0;
    }
    case macos::DTRACEHIOC_REMOVE:
      // An _IO request: what the program gave is the argument itself.
      return table.erase(static_cast<int>(argument)) == 1 ? 0 : Fail(EINVAL);
    default:
      return Fail(ENOTTY);
  }
}

}  // namespace

const Kernel kMacos = {"macos", "/dev/dtracehelper", Ioctl};

}  // namespace fasttrap
