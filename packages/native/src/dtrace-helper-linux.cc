// DTrace for Linux: its daemon dtprobed makes the helper device, reads the DOF out of this process and keeps it. Verified
// with version 2.0.7.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dtrace-helper.h"
#include "stub-pool.h"

namespace sonde {
namespace {

constexpr char kDevice[] = "/dev/dtrace/helper";

// dof_helper_t of DTrace for Linux, include/dtrace/helpers.h; the module's name has DTRACE_MODNAMELEN bytes.
struct DofHelper {
  char module[64];
  uint64_t address;
  uint64_t dof;
};
static_assert(sizeof(DofHelper) == 80, "dof_helper_t");

// include/dtrace/ioctl.h: DTRACEHIOC_REMOVE and DTRACEHIOC_ADDDOF.
constexpr unsigned long kRemove = _IOW(0xd8, 2, int);
constexpr unsigned long kAdd = _IOW(0xd8, 3, DofHelper);

// dtprobed knows DOF by process and by the file that is mapped where it lies: DOF on the heap is refused with EINVAL, and
// so is a second one over the same file. So each gets a file of its own, in memory, for as long as dtprobed reads it.
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

}  // namespace

bool AddDof(const std::string& module, const uint8_t* dof, size_t size, int64_t* generation, std::string* reason) {
  auto failed = [&](const std::string& what) {
    *reason = what + ": " + strerror(errno);
    return false;
  };
  Dl_info addon;
  if (dladdr(StubPool(), &addon) == 0) {
    *reason = "the addon's own file is not known";
    return false;
  }
  MappedDof mapped(dof, size);
  if (mapped.memory() == nullptr) return failed("memory for the probes' description");
  int device = open(kDevice, O_RDWR | O_CLOEXEC);
  if (device < 0) return failed(kDevice);
  DofHelper helper = {};
  strncpy(helper.module, module.c_str(), sizeof helper.module - 1);
  helper.address = reinterpret_cast<uintptr_t>(addon.dli_fbase);
  helper.dof = reinterpret_cast<uintptr_t>(mapped.memory());
  int result = ioctl(device, kAdd, &helper);
  if (result < 0) failed(std::string(kDevice) + " does not take the probes");
  close(device);
  *generation = result;
  return result >= 0;
}

void RemoveDof(int64_t generation) {
  int device = open(kDevice, O_RDWR | O_CLOEXEC);
  if (device < 0) return;
  ioctl(device, kRemove, static_cast<int>(generation));
  close(device);
}

}  // namespace sonde
