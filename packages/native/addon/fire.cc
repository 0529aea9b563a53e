// JavaScript values into what tracers read: registers and stack of a call, and user events.
//
// A stub is a function that does nothing: `nop; ret`, or one of the pool (stub-pool.cc). Calling it
// through a C function pointer puts the arguments where the platform's calling convention has them,
// which is where SDT notes and DWARF say they are, and where DTrace looks: x86-64 in rdi rsi rdx
// rcx r8 r9 and then on the stack, arm64 in x0…x7 and then on the stack. So the call needs no
// assembly.
#include "fire.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "parts.h"
#include "stub-pool.h"
#if SONDE_EVENTS
#include "events.h"
#endif

namespace sonde {
namespace {

#if !SONDE_EVENTS
// Without user events.
struct EventWriter {
  const char* Set(const Napi::CallbackInfo&, size_t, size_t) { return "no user events here"; }
  void Write(const uint64_t*) const {}
};
#endif

constexpr int32_t kInteger = 0;
constexpr int32_t kBytes = -1;
constexpr int32_t kGreatestLimit = 1 << 20;  // GREATEST_LIMIT in packages/core
// A text's buffer has room for one character more than its limit, so that V8 never stops before the
// limit, and the NUL.
constexpr size_t kBeyondLimit = 4 + 1;
// Bytes that a tool reads of a text at the least, whatever its length: bcc's argdist takes 80 for a
// key, so what follows the NUL must not differ from fire to fire (STRING_SIZE of its `-z`).
constexpr size_t kLeastRead = 80;
// Bytes of a first argument's text, NUL included, that may be fired again without being copied
// again: LONGEST_REPEATED in src/fire.ts.
constexpr size_t kMostRepeated = 256;

// One for each thread. Texts are copied into `scratch`, which is large enough for the texts of any
// one probe; nothing runs between copying and the stub's return, so one is enough. What was just
// written is resident: tracers can read it. It begins with the last text that was a first argument,
// of `first` bytes with its NUL and what tools read behind it. If these are no more than
// kMostRepeated, nothing else is written there.
struct Thread {
  std::vector<char> scratch = std::vector<char>(kLeastRead);
  size_t first = kLeastRead;
};

// A stub that is called and, where there are user events, one that is written.
struct Probe {
  uintptr_t stub = 0;
  EventWriter event;
  bool has_event = false;
  Thread* thread = nullptr;
  size_t count = 0;
  size_t slots = 0;
  int32_t kinds[kMostArguments];
  Napi::ObjectReference code;
};

using SixArguments = void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
using TwelveArguments = void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t, uint64_t);

bool IsContinuation(char byte) { return (byte & 0xc0) == 0x80; }

// Makes the NULs in a text visible, as U+2400 (three bytes), and cuts it after a whole character
// again. In place: finds how much of the text fits once it is longer, then moves it, last byte
// first. Returns the new length.
size_t ShowNuls(char* text, size_t length, size_t limit) {
  size_t taken = 0, made = 0;
  while (taken < length) {
    size_t size = 1;
    while (taken + size < length && IsContinuation(text[taken + size])) size++;
    size_t becomes = text[taken] == '\0' ? 3 : size;
    if (made + becomes > limit) break;
    taken += size;
    made += becomes;
  }
  for (size_t from = taken, to = made; from > 0;) {
    char byte = text[--from];
    if (byte == '\0') {
      to -= 3;
      memcpy(text + to, "\xe2\x90\x80", 3);
    } else {
      text[--to] = byte;
    }
  }
  return made;
}

// Copies a string as UTF-8, at most `limit` bytes and a NUL, with zeros behind it up to kLeastRead.
// Lone surrogates become U+FFFD (Node-API does that). Returns how many bytes that are, so that the
// next text may lie beside it: each page more that is touched right after the kernel's work costs.
size_t CopyText(napi_env env, napi_value value, char* to, size_t limit) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, to, limit + kBeyondLimit, &length) != napi_ok) length = 0;
  if (length > limit) {
    length = limit;
    while (length > 0 && IsContinuation(to[length])) length--;
  }
  if (memchr(to, '\0', length) != nullptr) length = ShowNuls(to, length, limit);
  if (length >= kLeastRead) {
    to[length] = '\0';
    return length + 1;
  }
  memset(to + length, '\0', kLeastRead - length);
  return kLeastRead;
}

uint64_t ReadInteger(napi_env env, napi_value value) {
  int64_t number = 0;
  if (napi_get_value_int64(env, value, &number) == napi_ok) return static_cast<uint64_t>(number);
  uint64_t word = 0;
  bool lossless;  // the core checked the range; negative values come out in two's complement
  if (napi_get_value_bigint_uint64(env, value, &word, &lossless) == napi_ok) return word;
  return 0;
}

void CallStub(const Probe& probe, const uint64_t (&slots)[kMostArguments]) {
  if (probe.slots <= 6) {
    reinterpret_cast<SixArguments>(probe.stub)(slots[0], slots[1], slots[2], slots[3], slots[4], slots[5]);
  } else {
    reinterpret_cast<TwelveArguments>(probe.stub)(slots[0], slots[1], slots[2], slots[3], slots[4], slots[5], slots[6],
                                                  slots[7], slots[8], slots[9], slots[10], slots[11]);
  }
}

// With `kRepeated`, the first argument is the text that is there, and the values are those of the
// others.
template <size_t kCount, bool kRepeated = false>
napi_value Fire(napi_env env, napi_callback_info info) {
  napi_value values[kCount + 1];
  size_t count = kCount;
  void* data;
  if (napi_get_cb_info(env, info, &count, values, nullptr, &data) != napi_ok) return nullptr;
  const Probe& probe = **static_cast<Probe**>(data);
  Thread& thread = *probe.thread;
  uint64_t slots[kMostArguments] = {};
  size_t slot = 0;
  char* text = thread.scratch.data();
  const int32_t* kinds = probe.kinds;
  if (kRepeated) {
    slots[slot++] = reinterpret_cast<uintptr_t>(text);
    // Written to, so that it is resident as if it had been copied. It may lie on two pages.
    volatile char* resident = text;
    resident[0] = resident[0];
    resident[thread.first - 1] = '\0';
    text += thread.first;
    kinds++;
  } else if (kCount > 0 && kinds[0] <= 0) {
    text += kMostRepeated;
  }
  for (size_t i = 0; i < kCount; i++) {
    int32_t kind = kinds[i];
    if (kind == kInteger) {
      slots[slot++] = ReadInteger(env, values[i]);
    } else if (kind == kBytes) {
      size_t length = 0;
      void* address = nullptr;
      napi_typedarray_type type;
      if (napi_get_typedarray_info(env, values[i], &type, &length, &address, nullptr, nullptr) != napi_ok) length = 0;
      slots[slot++] = reinterpret_cast<uintptr_t>(address);
      slots[slot++] = length;
    } else {
      slots[slot++] = reinterpret_cast<uintptr_t>(text);
      size_t size = CopyText(env, values[i], text, kind);
      if (!kRepeated && i == 0) thread.first = size;
      text += size;
    }
  }
  CallStub(probe, slots);
  if (probe.has_event) probe.event.Write(slots);
  return nullptr;
}

constexpr napi_callback kFire[] = {Fire<0>, Fire<1>, Fire<2>, Fire<3>, Fire<4>,  Fire<5>, Fire<6>,
                                   Fire<7>, Fire<8>, Fire<9>, Fire<10>, Fire<11>, Fire<12>};
constexpr napi_callback kFireAgain[] = {Fire<0, true>, Fire<1, true>, Fire<2, true>, Fire<3, true>};

Napi::Value Throw(Napi::Env env, const char* message) {
  Napi::RangeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

// Where the stub begins that has its nop there: a stub of the pool begins before it.
uintptr_t StubOf(const uint8_t* nop) {
#if SONDE_DTRACE
  if (IsInPool(nop)) nop -= kNopOffset;
#endif
  return reinterpret_cast<uintptr_t>(nop);
}

Napi::Value MakeProbe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto code = info[0].As<Napi::Uint8Array>();
  size_t offset = info[1].As<Napi::Number>().Uint32Value();
  auto kinds = info[2].As<Napi::Int32Array>();
  if (offset >= code.ByteLength()) return Throw(env, "a stub outside its code");
  if (kinds.ElementLength() > kMostArguments) return Throw(env, "more than 12 arguments");
  auto probe = std::make_unique<Probe>();
  probe->stub = StubOf(code.Data() + offset);
  probe->thread = env.GetInstanceData<Thread>();
  probe->count = kinds.ElementLength();
  size_t texts = kMostRepeated;
  for (size_t i = 0; i < probe->count; i++) {
    int32_t kind = probe->kinds[i] = kinds[i];
    if (kind < kBytes || kind > kGreatestLimit) return Throw(env, "an argument of no known kind");
    probe->slots += kind == kBytes ? 2 : 1;
    if (kind > 0) texts += std::max(kind + kBeyondLimit, kLeastRead);
  }
  if (probe->slots > kMostArguments) return Throw(env, "more than 12 native arguments");
  probe->has_event = info.Length() > 3;
  if (probe->has_event) {
    const char* wrong = probe->event.Set(info, 3, probe->slots);
    if (wrong != nullptr) return Throw(env, wrong);
  }
  if (probe->thread->scratch.size() < texts) probe->thread->scratch.resize(texts);
  probe->code = Napi::Persistent(code.As<Napi::Object>());

  Napi::BigInt address = Napi::BigInt::New(env, static_cast<uint64_t>(reinterpret_cast<uintptr_t>(probe.get())));
  auto external = Napi::External<Probe>::New(env, probe.get(), [](Napi::Env, Probe* probe) { delete probe; });
  // A thread that is being ended makes no more objects.
  if (external.IsEmpty()) return env.Undefined();
  probe.release();
  Napi::Object result = Napi::Object::New(env);
  result.Set("address", address);
  result.Set("probe", external);
  return result;
}

// Functions that read from `memory` which probe they fire. They hold it.
Napi::Value MakeFunctions(Napi::Env env, Napi::ArrayBuffer memory, const napi_callback* callbacks, size_t count) {
  Napi::Array functions = Napi::Array::New(env);
  if (functions.IsEmpty()) return env.Undefined();
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    napi_status status = napi_create_function(env, "fire", NAPI_AUTO_LENGTH, callbacks[i], memory.Data(), &function);
    NAPI_THROW_IF_FAILED(env, status, env.Undefined());
    auto held = std::make_unique<Napi::ObjectReference>(Napi::Persistent(memory.As<Napi::Object>()));
    status = napi_add_finalizer(
        env, function, held.get(), [](napi_env, void* held, void*) { delete static_cast<Napi::ObjectReference*>(held); },
        nullptr, nullptr);
    NAPI_THROW_IF_FAILED(env, status, env.Undefined());
    held.release();
    functions.Set(i, Napi::Value(env, function));
  }
  return functions;
}

Napi::Value OpenFire(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, sizeof(Probe*));
  if (memory.IsEmpty()) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("memory", memory);
  result.Set("fire", MakeFunctions(env, memory, kFire, std::size(kFire)));
  result.Set("fireAgain", MakeFunctions(env, memory, kFireAgain, std::size(kFireAgain)));
  return result;
}

}  // namespace

void InitFire(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Thread());
  exports.Set("makeProbe", Napi::Function::New(env, MakeProbe));
  exports.Set("openFire", Napi::Function::New(env, OpenFire));
}

}  // namespace sonde
