// macOS. Not run on the system itself: held to its published interface, bsd/sys/dtrace.h and
// dtrace_ioctl_helper in bsd/dev/dtrace/dtrace.c of xnu.
#include <sys/types.h>

#include <sys/ioctl.h>
#include <sys/ioccom.h>

#include "helper-device.h"
#include "stub-pool.h"

namespace sonde {

// Version 3 is the only one that dtrace_dof_slurp takes. On arm64, fasttrap_usdt_getarg
// (bsd/dev/arm64/fasttrap_isa.c) returns 0, so that D reads only the five arguments that come with
// the probe. Beyond dtrace_helper_providers_max (dtrace.c), dtrace_helper_slurp drops DOF and tells
// nobody. fasttrap_meta_create_probe does not ask for probes of one name.
#if defined(__aarch64__)
constexpr int kArguments = 5;
#else
constexpr int kArguments = 12;
#endif
const DtraceSystem kDtraceSystem = {
    .device = "/dev/dtracehelper",
    .version = 3,
    .arguments = kArguments,
    .registrations = 64,
    .takes_twins = true,
    .keeps_withdrawn = true,
};

namespace {

// dof_helper_t, and dof_ioctl_data_t of one; the module's name has DTRACE_MODNAMELEN bytes.
struct DofHelper {
  char module[64];
  uint64_t address;
  // Its generation, once the kernel has it.
  uint64_t dof;
};
struct DofIoctlData {
  uint64_t count;
  DofHelper helper;
};
static_assert(sizeof(DofHelper) == 80 && sizeof(DofIoctlData) == 88, "dof_ioctl_data_t");

// DTRACEHIOC_REMOVE, and DTRACEHIOC_ADDDOF, which is given where the address of the data is.
constexpr unsigned long kRemove = _IO('h', 2);
constexpr unsigned long kAdd = _IOW('h', 4, uint64_t);
static_assert(kRemove == 0x20006802 && kAdd == 0x80086804, "DTRACEHIOC");

// fasttrap_meta_create_probe (bsd/dev/dtrace/fasttrap.c) goes back by one byte on x86-64: Apple's
// linker tells the place behind the first nop.
#if defined(__x86_64__)
constexpr intptr_t kBehindNop = 1;
#else
constexpr intptr_t kBehindNop = 0;
#endif

// The kernel may read DOF as late as when somebody traces (dtrace_lazy_dofs_add), and finds probes
// by their distance from it, 32 bits. So it lies in memory of the addon, as near as the stubs. Room
// for all of these, described at length.
constexpr size_t kDofMemory = kStubCount * 1024;
alignas(8) uint8_t dof_memory[kDofMemory];

// What of it is taken: where, and how much. Callers take turns.
std::vector<std::pair<size_t, size_t>>& Taken() {
  static auto* taken = new std::vector<std::pair<size_t, size_t>>();
  return *taken;
}

// Behind what was taken last, so that what was given back is not used again soon. kDofMemory when
// there is no room.
size_t Take(size_t size) {
  static size_t next = 0;
  size_t start = next;
  bool wrapped = false;
  for (;;) {
    if (start + size > kDofMemory) {
      if (wrapped || size > kDofMemory) return kDofMemory;
      wrapped = true;
      start = 0;
    }
    size_t behind = start;
    for (auto [at, length] : Taken()) {
      if (at < start + size && start < at + length && at + length > behind) behind = at + length;
    }
    if (behind == start) break;
    start = (behind + 7) & ~size_t{7};
  }
  Taken().emplace_back(start, size);
  next = (start + size + 7) & ~size_t{7};
  return start;
}

void GiveBack(size_t start) {
  for (auto taken = Taken().begin(); taken != Taken().end(); ++taken) {
    if (taken->first != start) continue;
    Taken().erase(taken);
    return;
  }
}

class MacosDof : public HandedDof {
 public:
  // Takes memory for the DOF.
  explicit MacosDof(size_t size) : start_(Take(size)) {}
  ~MacosDof() override { GiveBack(start_); }
  bool Withdraw() override {
    HelperDevice device;
    // The generation itself, and not where it is.
    return device.is_open() && ioctl(device.file(), kRemove, generation_) == 0;
  }

  // Null when there is none.
  uint8_t* memory() const { return start_ < kDofMemory ? dof_memory + start_ : nullptr; }
  void set_generation(uint64_t generation) { generation_ = generation; }

 private:
  size_t start_;
  // Of what was registered any number may be: 0 is the first one's if somebody traces already.
  uint64_t generation_ = 0;
};

}  // namespace

Result<std::unique_ptr<HandedDof>> HandOver(const std::string& module, std::vector<uint8_t> dof,
                                         const std::vector<DofProbe>& probes) {
  auto handed = std::make_unique<MacosDof>(dof.size());
  uint8_t* memory = handed->memory();
  if (memory == nullptr) return Failure{"there is no more room to describe probes"};
  for (const DofProbe& probe : probes) {
    int32_t offset = static_cast<int32_t>(probe.nop - memory + kBehindNop);
    memcpy(dof.data() + probe.offset_at, &offset, sizeof offset);
  }
  memcpy(memory, dof.data(), dof.size());
  HelperDevice device;
  if (!device.is_open()) return NoDevice();
  DofIoctlData data = {};
  data.count = 1;
  CopyModule(data.helper.module, module);
  // Both the same: the kernel writes the generation over the one, and needs the other.
  data.helper.address = data.helper.dof = reinterpret_cast<uintptr_t>(memory);
  uint64_t where = reinterpret_cast<uintptr_t>(&data);
  if (ioctl(device.file(), kAdd, &where) < 0) return Refused();
  handed->set_generation(data.helper.dof);
  return std::unique_ptr<HandedDof>(std::move(handed));
}

}  // namespace sonde
