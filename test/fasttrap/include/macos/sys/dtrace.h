// What macOS's <sys/dtrace.h> declares of the helper device (bsd/sys/dtrace.h in xnu), in words of
// our own.
#pragma once
#include <sys/ioccom.h>

#include <cstddef>
#include <cstdint>

namespace macos {

constexpr int DTRACE_MODNAMELEN = 64;

struct dof_helper_t {
  char dofhp_mod[DTRACE_MODNAMELEN];
  uint64_t dofhp_addr;
  uint64_t dofhp_dof;
};
struct dof_ioctl_data_t {
  uint64_t dofiod_count;
  dof_helper_t dofiod_helpers[1];
};
static_assert(sizeof(dof_helper_t) == 80 && sizeof(dof_ioctl_data_t) == 88);
static_assert(offsetof(dof_ioctl_data_t, dofiod_helpers) == 8);

using user_addr_t = uint64_t;
constexpr unsigned long DTRACEHIOC_REMOVE = _IO('h', 2);
constexpr unsigned long DTRACEHIOC_ADDDOF = _IOW('h', 4, user_addr_t);

}  // namespace macos
