// A tracer inside the traced process, for tests: exact, fast, and without privileges. It does to a
// stub what tracers do (a trap in the place of the first instruction) and reads arguments where
// notes and DWARF say they are: in the registers and on the stack of the C calling convention, at
// that instruction. The tests with real tracers keep it honest.
//
//   symbol(object: string, name: string): bigint
//     The address of a symbol in a loaded object.
//   attach(address: bigint, nop: number, kinds: string, places: Int32Array): number
//     Puts a trap there. `kinds` has a letter for each native argument: i an integer, s a text, p an address whose length is the
//     next argument. `places` tells where each is: a register (by its number in kRegisters), or, negative, a word of the stack:
//     -1 the first, at the stack pointer, -2 the next. `nop` is how long the first instruction is. Returns a handle.
//   take(handle): (bigint | Buffer | null)[][]
//     What was fired since last time: for each fire its arguments, memory copied when it fired; null for a null pointer.
//   detach(handle): void
#include <dlfcn.h>
#include <napi.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>

namespace {

constexpr size_t kMostArguments = 12;
constexpr size_t kMostTraps = 64;
constexpr size_t kMostFires = 1 << 14;
constexpr size_t kArena = 1 << 24;

#if defined(__x86_64__)
using Instruction = uint8_t;
constexpr Instruction kTrap = 0xcc;  // int3
#elif defined(__aarch64__)
using Instruction = uint32_t;
constexpr Instruction kTrap = 0xd4200000;  // brk #0
#endif

struct Fire {
  int trap;
  uint64_t slots[kMostArguments];
  const char* memory[kMostArguments];
  size_t lengths[kMostArguments];
};

struct Trap {
  std::atomic<uintptr_t> address{0};
  Instruction untraced;
  size_t nop;
  size_t count;
  char kinds[kMostArguments];
  int places[kMostArguments];
  size_t taken;
};

Trap traps[kMostTraps];
Fire fires[kMostFires];
std::atomic<size_t> fired{0};
char arena[kArena];
std::atomic<size_t> arena_used{0};

#if defined(__x86_64__)
constexpr int kRegisters[] = {REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_R9, REG_R10, REG_RBP, REG_RBX};
constexpr int kRegisterCount = sizeof kRegisters / sizeof *kRegisters;
#else
constexpr int kRegisterCount = 31;  // x0 to x30
#endif

uint64_t ReadPlace(const ucontext_t* context, int place) {
#if defined(__x86_64__)
  if (place >= 0) return context->uc_mcontext.gregs[kRegisters[place]];
  return reinterpret_cast<const uint64_t*>(context->uc_mcontext.gregs[REG_RSP])[-place - 1];
#else
  if (place >= 0) return context->uc_mcontext.regs[place];
  return reinterpret_cast<const uint64_t*>(context->uc_mcontext.sp)[-place - 1];
#endif
}

const char* Copy(uint64_t address, size_t length) {
  size_t at = arena_used.fetch_add(length);
  if (at + length > kArena) abort();  // a test fired more than this is made for
  memcpy(arena + at, reinterpret_cast<const void*>(address), length);
  return arena + at;
}

void Record(int index, const ucontext_t* context) {
  const Trap& trap = traps[index];
  size_t at = fired.fetch_add(1);
  if (at >= kMostFires) abort();
  Fire& fire = fires[at];
  fire.trap = index;
  for (size_t i = 0; i < trap.count; i++) fire.slots[i] = ReadPlace(context, trap.places[i]);
  for (size_t i = 0; i < trap.count; i++) {
    uint64_t value = fire.slots[i];
    fire.memory[i] = nullptr;
    if (trap.kinds[i] == 'i' || value == 0) continue;
    fire.lengths[i] = trap.kinds[i] == 's' ? strlen(reinterpret_cast<const char*>(value)) : fire.slots[i + 1];
    fire.memory[i] = Copy(value, fire.lengths[i]);
  }
}

struct sigaction before;

void OnTrap(int signal, siginfo_t* info, void* data) {
  ucontext_t* context = static_cast<ucontext_t*>(data);
#if defined(__x86_64__)
  uintptr_t address = context->uc_mcontext.gregs[REG_RIP] - 1;
#else
  uintptr_t address = context->uc_mcontext.pc;
#endif
  for (size_t i = 0; i < kMostTraps; i++) {
    if (traps[i].address != address) continue;
    Record(i, context);
    // The instruction that the trap replaced does nothing: go on after it.
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RIP] = address + traps[i].nop;
#else
    context->uc_mcontext.pc = address + traps[i].nop;
#endif
    return;
  }
  if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(signal, info, data);
}

bool Patch(uintptr_t address, Instruction instruction) {
  uintptr_t page = sysconf(_SC_PAGESIZE);
  void* start = reinterpret_cast<void*>(address & ~(page - 1));
  if (mprotect(start, page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return false;
  *reinterpret_cast<volatile Instruction*>(address) = instruction;
  __builtin___clear_cache(reinterpret_cast<char*>(address), reinterpret_cast<char*>(address + sizeof(instruction)));
  return mprotect(start, page, PROT_READ | PROT_EXEC) == 0;
}

Napi::Value Throw(Napi::Env env, const std::string& message) {
  Napi::Error::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value Symbol(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string object = info[0].As<Napi::String>(), name = info[1].As<Napi::String>();
  void* handle = dlopen(object.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return Throw(env, object + " is not loaded");
  void* found = dlsym(handle, name.c_str());
  dlclose(handle);
  if (found == nullptr) return Throw(env, object + " has no " + name);
  return Napi::BigInt::New(env, static_cast<uint64_t>(reinterpret_cast<uintptr_t>(found)));
}

Napi::Value Attach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  bool lossless;
  uintptr_t address = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
  std::string kinds = info[2].As<Napi::String>();
  auto places = info[3].As<Napi::Int32Array>();
  if (kinds.size() > kMostArguments || places.ElementLength() != kinds.size()) return Throw(env, "too many arguments");
  for (size_t i = 0; i < kinds.size(); i++) {
    if (places[i] >= kRegisterCount) return Throw(env, "no such register");
  }

  static bool installed = false;
  if (!installed) {
    struct sigaction action = {};
    action.sa_sigaction = OnTrap;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGTRAP, &action, &before);
    installed = true;
  }
  for (size_t i = 0; i < kMostTraps; i++) {
    Trap& trap = traps[i];
    if (trap.address != 0) continue;
    trap.untraced = *reinterpret_cast<Instruction*>(address);
    trap.nop = info[1].As<Napi::Number>().Uint32Value();
    trap.count = kinds.size();
    memcpy(trap.kinds, kinds.data(), kinds.size());
    for (size_t n = 0; n < kinds.size(); n++) trap.places[n] = places[n];
    trap.taken = fired;
    trap.address = address;
    if (!Patch(address, kTrap)) return Throw(env, "the code cannot be changed");
    return Napi::Number::New(env, i);
  }
  return Throw(env, "too many traps");
}

Napi::Value Take(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int index = info[0].As<Napi::Number>().Int32Value();
  Trap& trap = traps[index];
  Napi::Array result = Napi::Array::New(env);
  for (; trap.taken < fired; trap.taken++) {
    const Fire& fire = fires[trap.taken];
    if (fire.trap != index) continue;
    Napi::Array values = Napi::Array::New(env, trap.count);
    for (uint32_t i = 0; i < trap.count; i++) {
      if (trap.kinds[i] == 'i') {
        values.Set(i, Napi::BigInt::New(env, fire.slots[i]));
      } else if (fire.memory[i] == nullptr) {
        values.Set(i, env.Null());
      } else {
        values.Set(i, Napi::Buffer<char>::Copy(env, fire.memory[i], fire.lengths[i]));
      }
    }
    result.Set(result.Length(), values);
  }
  return result;
}

Napi::Value Detach(const Napi::CallbackInfo& info) {
  Trap& trap = traps[info[0].As<Napi::Number>().Uint32Value()];
  if (trap.address != 0) Patch(trap.address, trap.untraced);
  trap.address = 0;
  bool idle = true;
  for (size_t i = 0; i < kMostTraps; i++) idle = idle && traps[i].address == 0;
  // Nothing is left to be taken: the memory is used again.
  if (idle) fired = arena_used = 0;
  return info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("symbol", Napi::Function::New(env, Symbol));
  exports.Set("attach", Napi::Function::New(env, Attach));
  exports.Set("take", Napi::Function::New(env, Take));
  exports.Set("detach", Napi::Function::New(env, Detach));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
