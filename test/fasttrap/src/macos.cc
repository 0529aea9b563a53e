// dtrace_ioctl_helper, dtrace_lazy_dofs_add and dtrace_lazy_dofs_remove in bsd/dev/dtrace/dtrace.c
// of xnu: by default DOF is not read before somebody traces.
#include <sys/dtrace.h>
#include <unistd.h>

#include <cerrno>

#include "kernel.h"

namespace fasttrap {
namespace {

// dtrace_helper_providers_max in dtrace.c.
constexpr size_t kMostProviders = 64;

// DTRACE_DOF_MODE_LAZY_OFF: somebody traces. Generations are then those of the process's helpers,
// and begin with 0.
bool is_traced = false;
int next_generation = 0;

// That a lazy one takes: one more than the last, 1 for the first.
int NextLazy(const Table& table) { return table.empty() ? 1 : table.rbegin()->first.second + 1; }

// dtrace_lazy_dofs_process: what is there keeps its generation, and those to come follow.
void Trace(Table& table) {
  is_traced = true;
  if (!table.empty()) next_generation = NextLazy(table);
  for (auto& [key, handed] : table) handed.copy = CopyDof(handed.dof);
}

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
        // An assertion of the kernel's: it needs the address when it has written the generation
        // over the other.
        if (helper.dofhp_dof != helper.dofhp_addr) return Fail(EFAULT);
        Handed handed = {helper.dofhp_mod, helper.dofhp_addr, helper.dofhp_dof, {}};
        if (is_traced) handed.copy = CopyDof(helper.dofhp_dof);
        int generation = is_traced ? next_generation++ : NextLazy(table);
        if (!IsDropped(table, handed, kMostProviders)) table[{getpid(), generation}] = handed;
        helper.dofhp_dof = generation;
      }
      return 0;
    }
    case macos::DTRACEHIOC_REMOVE:
      // An _IO request: what the program gave is the argument itself.
      if (is_traced) return Retire(table, static_cast<int>(argument), next_generation);
      return table.erase({getpid(), static_cast<int>(argument)}) == 1 ? 0 : Fail(EINVAL);
    default:
      return Fail(ENOTTY);
  }
}

}  // namespace

const Kernel kMacos = {"macos", "/dev/dtracehelper", macos::DTRACEHIOC_REMOVE, Ioctl, Trace};

}  // namespace fasttrap
