// What illumos's <sys/dtrace.h> declares of the helper device (usr/src/uts/common/sys/dtrace.h in
// illumos-gate), in words of our own.
#pragma once
#include <cstddef>
#include <cstdint>

namespace illumos {

constexpr int DTRACE_MODNAMELEN = 64;
constexpr int DTRACEHIOC = ('d' << 24) | ('t' << 16) | ('h' << 8);
constexpr int DTRACEHIOC_REMOVE = DTRACEHIOC | 2;
constexpr int DTRACEHIOC_ADDDOF = DTRACEHIOC | 3;

struct dof_helper_t {
  char dofhp_mod[DTRACE_MODNAMELEN];
  uint64_t dofhp_addr;
  uint64_t dofhp_dof;
};
static_assert(sizeof(dof_helper_t) == 80);
static_assert(offsetof(dof_helper_t, dofhp_addr) == 64 && offsetof(dof_helper_t, dofhp_dof) == 72);

}  // namespace illumos
