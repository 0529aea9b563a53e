// A model of the systems with DTrace, for tests: their helper device, inside the process. sonde's addon is linked, for each of
// them, such that its `open` and `ioctl` come here (--wrap; see binding.gyp), so that what it does for that system runs here. What
// their tracer then does (fasttrap: a trap in the place of an instruction, arguments from registers and stack) is
// test/selftrace's part, at the places that test/src/fasttrap/systems.ts tells. Rules are taken from the systems' published
// sources, and cited where they stand; the sources themselves are not here.
//
//   boot(system: string): void
//     Is this system from now on: illumos, freebsd, macos or linux.
//   handed(): { generation: number, module: string, address: bigint, dof: bigint, content: Buffer }[]
//     The DOF that the kernel has. `content` is what it copied, or what lies there now if it reads it only when somebody traces.
#include <fcntl.h>
#include <napi.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <mutex>
#include <set>

#include "kernel.h"

namespace fasttrap {
namespace {

// Process-wide, as a kernel is.
std::mutex mutex;
const Kernel* kernel = nullptr;
std::set<int> devices;
int generation = 0;

Table& Handovers() {
  static auto* table = new Table();  // never destroyed: the addon may hand over and withdraw until the very end
  return *table;
}

Napi::Value Boot(const Napi::CallbackInfo& info) {
  std::string name = info[0].As<Napi::String>();
  std::lock_guard<std::mutex> lock(mutex);
  for (const Kernel* each : {&kIllumos, &kFreebsd, &kMacos, &kLinux}) {
    if (name == each->name) kernel = each;
  }
  return info.Env().Undefined();
}

Napi::Value GetHanded(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::lock_guard<std::mutex> lock(mutex);
  Napi::Array result = Napi::Array::New(env);
  for (const auto& [number, handed] : Handovers()) {
    std::vector<uint8_t> content = handed.copy.empty() ? CopyDof(handed.dof) : handed.copy;
    Napi::Object each = Napi::Object::New(env);
    each.Set("generation", number);
    each.Set("module", handed.module);
    each.Set("address", Napi::BigInt::New(env, handed.address));
    each.Set("dof", Napi::BigInt::New(env, handed.dof));
    each.Set("content", Napi::Buffer<uint8_t>::Copy(env, content.data(), content.size()));
    result.Set(result.Length(), each);
  }
  return result;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("boot", Napi::Function::New(env, Boot));
  exports.Set("handed", Napi::Function::New(env, GetHanded));
  return exports;
}

int Open(const char* path, int flags) {
  std::lock_guard<std::mutex> lock(mutex);
  if (kernel == nullptr || strcmp(path, kernel->device) != 0) return open(path, flags);
  int file = open("/dev/null", flags);
  devices.insert(file);
  return file;
}

}  // namespace

std::vector<uint8_t> CopyDof(uint64_t address) {
  auto* start = reinterpret_cast<const uint8_t*>(address);
  uint64_t size;
  memcpy(&size, start + 40, sizeof size);
  return std::vector<uint8_t>(start, start + size);
}

int NextGeneration() { return ++generation; }

}  // namespace fasttrap

// What the linker has sonde's addon call in the place of open and ioctl.
extern "C" __attribute__((visibility("default"))) int __wrap_open(const char* path, int flags, ...) {
  return fasttrap::Open(path, flags);
}

extern "C" __attribute__((visibility("default"))) int __wrap_open64(const char* path, int flags, ...) {
  return fasttrap::Open(path, flags);
}

extern "C" __attribute__((visibility("default"))) int __wrap_ioctl(int file, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  uintptr_t argument = va_arg(list, uintptr_t);
  va_end(list);
  std::lock_guard<std::mutex> lock(fasttrap::mutex);
  if (fasttrap::devices.count(file) == 0) {
    errno = EBADF;
    return -1;
  }
  return fasttrap::kernel->ioctl(fasttrap::Handovers(), request, argument);
}

namespace fasttrap {
NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
}
