// FreeBSD 11 and newer. The kernel copies the DOF at once. Not run on the system itself: held to
// its published interface, sys/cddl/contrib/opensolaris/uts/common/sys/dtrace.h and
// dtrace_ioctl_helper in sys/cddl/dev/dtrace/dtrace_ioctl.c.
#include <sys/types.h>

#include <sys/ioctl.h>
#include <sys/ioccom.h>

#include "helper-device.h"

namespace sonde {

// Version 2 is the last that dtrace_dof_slurp takes. fasttrap_usdt_getarg reads whatever argument
// there is. Beyond dtrace_helper_providers_max (dtrace.c), dtrace_helper_slurp drops DOF and tells
// nobody.
const DtraceSystem kDtraceSystem = {
    .device = "/dev/dtrace/helper",
    .version = 2,
    .arguments = 12,
    .registrations = 32,
    .takes_twins = false,
    .keeps_withdrawn = true,
};

namespace {

// dof_helper_t; the module's name has DTRACE_MODNAMELEN bytes.
struct DofHelper {
  char module[64];
  uint64_t address;
  uint64_t dof;
  // Whose probes they are: somebody else's, for a debugger.
  int32_t pid;
  // Written by the kernel. What ioctl returns is 0, and not this.
  int32_t generation;
};
static_assert(sizeof(DofHelper) == 88, "dof_helper_t");

// DTRACEHIOC_REMOVE and DTRACEHIOC_ADDDOF.
constexpr unsigned long kRemove = _IOW('z', 2, int);
constexpr unsigned long kAdd = _IOWR('z', 3, DofHelper);
static_assert(kRemove == 0x80047a02 && kAdd == 0xc0587a03, "DTRACEHIOC");

class FreebsdDof : public HandedDof {
 public:
  FreebsdDof(int generation, std::vector<uint8_t> dof) : generation_(generation), dof_(std::move(dof)) {}
  bool Withdraw() override {
    HelperDevice device;
    return device.is_open() && ioctl(device.file(), kRemove, &generation_) == 0;
  }

 private:
  int generation_;
  // Kept so that nothing else lies there: see HandOver.
  std::vector<uint8_t> dof_;
};

}  // namespace

Result<std::unique_ptr<HandedDof>> HandOver(const std::string& module, std::vector<uint8_t> dof,
                                         const std::vector<DofProbe>& probes) {
#if !defined(__x86_64__)
  // sys/modules/dtrace/Makefile: the device is there, but what would put probes into a program is
  // not.
  return Failure{"FreeBSD has probes of programs (fasttrap) on amd64 only"};
#endif
  WriteAddresses(&dof, probes);
  HelperDevice device;
  if (!device.is_open()) return NoDevice();
  auto helper = DescribeDof<DofHelper>(module, dof, probes);
  helper.pid = getpid();
  if (ioctl(device.file(), kAdd, &helper) < 0) return Refused();
  return std::unique_ptr<HandedDof>(std::make_unique<FreebsdDof>(helper.generation, std::move(dof)));
}

}  // namespace sonde
