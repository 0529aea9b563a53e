// illumos and Solaris. The kernel copies the DOF at once. Not run on the system itself: held to its
// published interface, usr/src/uts/common/sys/dtrace.h and dtrace_ioctl_helper in
// usr/src/uts/common/dtrace/dtrace.c of illumos-gate.
#include <stropts.h>

#include "helper-device.h"

namespace sonde {

// Version 2 is the last that dtrace_dof_slurp takes. fasttrap_usdt_getarg reads whatever argument
// there is. Beyond dtrace_helper_providers_max (dtrace.c), dtrace_helper_slurp drops DOF and tells
// nobody. That is 32, of which libc has one for itself (plockstat).
const DtraceSystem kDtraceSystem = {
    .device = "/dev/dtrace/helper",
    .version = 2,
    .arguments = 12,
    .registrations = 31,
    .takes_twins = false,
    .keeps_withdrawn = true,
};

namespace {

// dof_helper_t; the module's name has DTRACE_MODNAMELEN bytes.
struct DofHelper {
  char module[64];
  uint64_t address;
  uint64_t dof;
};
static_assert(sizeof(DofHelper) == 80, "dof_helper_t");

// DTRACEHIOC_REMOVE and DTRACEHIOC_ADDDOF: 'd' 't' 'h' and a number.
constexpr int kRemove = 0x64746802;
constexpr int kAdd = 0x64746803;

class IllumosDof : public HandedDof {
 public:
  explicit IllumosDof(int generation) : generation_(generation) {}
  bool Withdraw() override {
    HelperDevice device;
    // The generation itself, and not where it is.
    return device.is_open() && ioctl(device.file(), kRemove, static_cast<intptr_t>(generation_)) == 0;
  }

 private:
  int generation_;
};

}  // namespace

Result<std::unique_ptr<HandedDof>> HandOver(const std::string& module, std::vector<uint8_t> dof,
                                         const std::vector<DofProbe>& probes) {
  WriteAddresses(&dof, probes);
  HelperDevice device;
  if (!device.is_open()) return NoDevice();
  auto helper = DescribeDof<DofHelper>(module, dof, probes);
  // What it returns is the generation.
  int generation = ioctl(device.file(), kAdd, &helper);
  if (generation < 0) return Refused();
  return std::unique_ptr<HandedDof>(std::make_unique<IllumosDof>(generation));
}

}  // namespace sonde
