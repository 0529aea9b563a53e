// DTrace for Linux: its daemon dtprobed makes the helper device, reads the DOF out of this process
// and keeps it. Verified with version 2.0.7.
#include <dlfcn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "helper-device.h"
#include "stub-pool.h"

namespace sonde {

// D has names for ten arguments; args[10] and beyond it refuses itself.
const DtraceSystem kDtraceSystem = {
    .device = "/dev/dtrace/helper",
    .version = 2,
    .arguments = 12,
    .registrations = 0,
    .takes_twins = false,
    .keeps_withdrawn = false,
};

namespace {

// dof_helper_t of DTrace for Linux, include/dtrace/helpers.h; the module's name has
// DTRACE_MODNAMELEN bytes.
struct DofHelper {
  char module[64];
  uint64_t address;
  uint64_t dof;
};
static_assert(sizeof(DofHelper) == 80, "dof_helper_t");

// include/dtrace/ioctl.h: DTRACEHIOC_REMOVE and DTRACEHIOC_ADDDOF.
constexpr unsigned long kRemove = _IOW(0xd8, 2, int);
constexpr unsigned long kAdd = _IOW(0xd8, 3, DofHelper);

// dtprobed knows DOF by process and by the file that is mapped where it lies: DOF on the heap is
// refused with EINVAL, and so is a second one over the same file. So each gets a file of its own,
// in memory, for as long as dtprobed reads it.
class MappedDof {
 public:
  MappedDof(const uint8_t* content, size_t size) : size_(size) {
    int file = memfd_create("sonde-dof", MFD_CLOEXEC);
    if (file < 0) return;
    if (ftruncate(file, size) == 0) {
      void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
      if (memory != MAP_FAILED) memory_ = memcpy(memory, content, size);
    }
    int error = errno;
    close(file);
    errno = error;
  }
  ~MappedDof() {
    if (memory_ != nullptr) munmap(memory_, size_);
  }
  MappedDof(const MappedDof&) = delete;
  MappedDof& operator=(const MappedDof&) = delete;

  void* memory() const { return memory_; }

 private:
  void* memory_ = nullptr;
  size_t size_;
};

pid_t ThisThread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// dtprobed takes the thread that hands DOF over for the process. So the probes have the process's
// id when the main thread has handed them over, and only the same thread can take them back: for
// another, dtprobed looks elsewhere, finds nothing, and is content. It forgets what a thread has
// left behind.
class LinuxDof : public HandedDof {
 public:
  explicit LinuxDof(int generation) : generation_(generation) {}
  bool Withdraw() override {
    if (thread_ != ThisThread()) return IsLeftBehind();
    HelperDevice device;
    return device.is_open() && ioctl(device.file(), kRemove, generation_) == 0;
  }
  bool IsToRenew() const override {
    bool is_main = ThisThread() == getpid();
    return is_main ? thread_ != getpid() : IsLeftBehind();
  }

 private:
  bool IsLeftBehind() const { return syscall(SYS_tgkill, getpid(), thread_, 0) != 0 && errno == ESRCH; }

  int generation_;
  pid_t thread_ = ThisThread();
};

}  // namespace

Result<std::unique_ptr<HandedDof>> HandOver(const std::string& module, std::vector<uint8_t> dof,
                                         const std::vector<DofProbe>& probes) {
  WriteAddresses(&dof, probes);
  Dl_info addon;
  if (dladdr(StubPool(), &addon) == 0) return Failure{"the addon's own file is not known"};
  MappedDof mapped(dof.data(), dof.size());
  if (mapped.memory() == nullptr) return SystemFailure("memory for the probes' description");
  HelperDevice device;
  if (!device.is_open()) return NoDevice();
  DofHelper helper = {};
  CopyModule(helper.module, module);
  helper.address = reinterpret_cast<uintptr_t>(addon.dli_fbase);
  helper.dof = reinterpret_cast<uintptr_t>(mapped.memory());
  int generation = ioctl(device.file(), kAdd, &helper);
  if (generation < 0) return Refused();
  return std::unique_ptr<HandedDof>(std::make_unique<LinuxDof>(generation));
}

}  // namespace sonde
