// What FreeBSD's <sys/dtrace.h> declares of the helper device
// (sys/cddl/contrib/opensolaris/uts/common/sys/dtrace.h), in words of our own.
#pragma once
#include <sys/types.h>

#include <sys/ioccom.h>

#include <cstddef>
#include <cstdint>

namespace freebsd {

constexpr int DTRACE_MODNAMELEN = 64;

struct dof_helper_t {
  char dofhp_mod[DTRACE_MODNAMELEN];
  uint64_t dofhp_addr;
  uint64_t dofhp_dof;
  pid_t dofhp_pid;
  int dofhp_gen;
};
static_assert(sizeof(dof_helper_t) == 88);
static_assert(offsetof(dof_helper_t, dofhp_pid) == 80 && offsetof(dof_helper_t, dofhp_gen) == 84);

constexpr unsigned long DTRACEHIOC_REMOVE = _IOW('z', 2, int);
constexpr unsigned long DTRACEHIOC_ADDDOF = _IOWR('z', 3, dof_helper_t);

}  // namespace freebsd
