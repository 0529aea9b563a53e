// A model of the systems with DTrace, for tests: their helper device, inside the process. sonde's
// addon is linked, for each of them, such that its `open` and `ioctl` come here (--wrap; see
// binding.gyp), so that what it does for that system runs here. What their tracer then does
// (fasttrap: a trap in the place of an instruction, arguments from registers and stack) is
// test/selftrace's part, at the places that test/fasttrap/systems.ts tells. Rules are taken from
// the systems' published sources, and cited where they stand; the sources themselves are not here.
//
//   boot(system: string): void
//     Is this system from now on: illumos, freebsd, macos or linux.
//   trace(): void
//     Somebody traces, from now on: a kernel that was to read DOF later reads it at once.
//   refuse(refuses: boolean): void
//     Whether the helper device gives back no DOF.
//   hold(holds: boolean): void
//     Whether the helper device takes DOF and then does not return, until it is told otherwise.
//   holding(): boolean
//     Whether somebody waits for that.
//   handed(): { owner: number, generation: number, module: string, address: bigint, dof: bigint, content: Buffer }[]
//     The DOF whose probes the kernel has, as it came. `content` is what it copied, or what lies there now if it reads it only when
//     somebody traces. The owner is the process; but for Linux, the thread.
#include <fcntl.h>
#include <napi.h>
#include <unistd.h>

#include <atomic>
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
bool is_refused = false;
std::atomic<bool> is_holding{false};
std::atomic<int> held{0};

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

Napi::Value Trace(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(mutex);
  if (kernel->trace != nullptr) kernel->trace(Handovers());
  return info.Env().Undefined();
}

Napi::Value Refuse(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(mutex);
  is_refused = info[0].As<Napi::Boolean>();
  return info.Env().Undefined();
}

Napi::Value Hold(const Napi::CallbackInfo& info) {
  is_holding = info[0].As<Napi::Boolean>();
  return info.Env().Undefined();
}

Napi::Value IsHolding(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), held > 0); }

Napi::Value GetHanded(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::lock_guard<std::mutex> lock(mutex);
  Napi::Array result = Napi::Array::New(env);
  for (const auto& [key, handed] : Handovers()) {
    std::vector<uint8_t> content = handed.copy.empty() ? CopyDof(handed.dof) : handed.copy;
    Napi::Object each = Napi::Object::New(env);
    each.Set("owner", key.first);
    each.Set("generation", key.second);
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
  exports.Set("trace", Napi::Function::New(env, Trace));
  exports.Set("refuse", Napi::Function::New(env, Refuse));
  exports.Set("hold", Napi::Function::New(env, Hold));
  exports.Set("holding", Napi::Function::New(env, IsHolding));
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

bool IsDropped(const Table& table, const Handed& handed, size_t most) {
  size_t count = 0;
  for (const auto& [key, other] : table) {
    if (other.retired) continue;
    if (other.address == handed.address) return true;
    count++;
  }
  return count >= most;
}

// The name that the first section PROVIDER (15) gives: its first word is the string table's
// section, its fifth the place there.
static std::string ProviderOf(const std::vector<uint8_t>& dof) {
  auto u32 = [&](size_t at) {
    uint32_t value;
    memcpy(&value, dof.data() + at, sizeof value);
    return value;
  };
  constexpr size_t header = 64, section = 32, offset = 16;
  for (size_t at = header;; at += section) {
    if (u32(at) != 15) continue;
    size_t provider = u32(at + offset);
    size_t strings = u32(header + section * u32(provider) + offset);
    return reinterpret_cast<const char*>(dof.data() + strings + u32(provider + 16));
  }
}

int Retire(Table& table, int generation, int next) {
  if (generation > next) {
    errno = EINVAL;
    return -1;
  }
  auto found = table.find({getpid(), generation});
  if (found == table.end() || found->second.retired) return 0;
  found->second.retired = true;
  std::string provider = ProviderOf(found->second.copy);
  auto is_same = [&](const Handed& handed) { return ProviderOf(handed.copy) == provider; };
  for (const auto& [key, handed] : table) {
    if (is_same(handed) && !handed.retired) return 0;
  }
  for (auto each = table.begin(); each != table.end();) each = is_same(each->second) ? table.erase(each) : std::next(each);
  return 0;
}

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
  int result;
  {
    std::lock_guard<std::mutex> lock(fasttrap::mutex);
    if (fasttrap::devices.count(file) == 0) {
      errno = EBADF;
      return -1;
    }
    if (fasttrap::is_refused && static_cast<uint32_t>(request) == fasttrap::kernel->remove) {
      errno = EACCES;
      return -1;
    }
    result = fasttrap::kernel->ioctl(fasttrap::Handovers(), request, argument);
  }
  fasttrap::held++;
  while (fasttrap::is_holding) usleep(1000);
  fasttrap::held--;
  return result;
}

namespace fasttrap {
NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
}
