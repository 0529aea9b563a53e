#include "code-events.h"

#include <v8.h>

#include <memory>
#include <mutex>
#include <string>

#include "builtins-copy.h"
#include "code-map.h"
#include "environment.h"
#include "v8-flags.h"

namespace sonde {
namespace {

// Each function has its own piece of code while names are on, of up to 1 KiB. What a thread must
// have left for such, in MiB, of its heap and of its memory for machine code: V8 ends a process, or
// a thread with limits of its own, that has none left.
constexpr size_t kLeast = 64;
// What a heap's limit has for young objects, which code is not.
constexpr size_t kYoung = V8_MAJOR_VERSION < 13 ? 48 : V8_MAJOR_VERSION == 13 ? 192 : 96;

std::mutex on_mutex;
int threads_on = 0;

struct Thread {
  v8::Isolate* isolate = nullptr;
  bool on = false;
};

// Called in whichever thread, also while the garbage collector runs: V8 must not be called from
// here.
void OnCode(const v8::JitCodeEvent* event) {
  switch (event->type) {
    case v8::JitCodeEvent::CODE_ADDED:
      if (event->code_type == v8::JitCodeEvent::BYTE_CODE) return;
      code_map::Add(event->isolate, event->code_start, event->code_len, {event->name.str, event->name.len},
                    event->code_type == v8::JitCodeEvent::WASM_CODE);
      return;
    case v8::JitCodeEvent::CODE_MOVED:
      code_map::Move(event->code_start, event->new_code_start);
      return;
    default:
      return;
  }
}

std::mutex flush_mutex;
int threads_flushing = 0;
bool is_flushing = false;    // what V8 does at all
bool is_flush_ours = false;

// Bytecode is thrown away when it is old, which V8 can be told that all of it is. What runs just
// now stays. The flag is the process's: while one thread wants it, others that collect their
// garbage throw theirs away, too. Returns whether V8 throws bytecode away at all: a program may
// need it to be kept, which has no source for it (--no-flush-bytecode).
bool FlushBytecode(v8::Isolate* isolate) {
  {
    std::lock_guard<std::mutex> lock(flush_mutex);
    if (threads_flushing == 0) {
      // Nothing but this tells what a flag is, and it throws nothing away that is to be kept.
      is_flushing = v8_flags::Change("--no-flush-bytecode");
      if (is_flushing) v8_flags::Change("--flush-bytecode");
    }
    if (!is_flushing) return false;
    if (threads_flushing++ == 0) is_flush_ours = v8_flags::Change("--stress-flush-code");
  }
  // The first makes it old, the second drops it.
  for (int i = 0; i < 2; i++) {
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
  }
  std::lock_guard<std::mutex> lock(flush_mutex);
  if (--threads_flushing == 0 && is_flush_ours) v8_flags::Change("--no-stress-flush-code");
  return true;
}

// Why there cannot be names in this thread, empty where there can.
std::string WhyNot(v8::Isolate* isolate) {
  void* code;
  size_t code_size = 0;
  isolate->GetCodeRange(&code, &code_size);
  if (code_size == 0) return "V8 makes no machine code in this process, as with --jitless";
  if (v8_flags::AreFrozen()) return "V8's flags cannot be changed any more, as with --freeze-flags-after-init, or /proc/self/maps cannot be read";
  if (code_size < kLeast << 20) {
    return "this thread may have " + std::to_string(code_size >> 20) + " MiB of machine code, and names need " + std::to_string(kLeast);
  }
  v8::HeapStatistics heap;
  isolate->GetHeapStatistics(&heap);
  if ((heap.used_heap_size() >> 20) + kYoung + kLeast > heap.heap_size_limit() >> 20) {
    return "of this thread's heap " + std::to_string(heap.used_heap_size() >> 20) + " MiB are used and " +
           std::to_string(heap.heap_size_limit() >> 20) + " are allowed, and names need " + std::to_string(kYoung + kLeast) + " more";
  }
  return "";
}

// The flag of V8 that gives interpreted functions their own code is not taken back: V8 creates a
// code cache of such a function wrongly without it, and its profiler does not know it.
void Off(Thread& thread, bool is_end) {
  if (!thread.on) return;
  thread.on = false;
  thread.isolate->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  std::lock_guard<std::mutex> lock(on_mutex);
  if (--threads_on > 0) {
    code_map::End(thread.isolate);
  } else if (is_end) {
    code_map::LeaveAtEnd();
  } else {
    code_map::Leave();
  }
}

Napi::Value On(Napi::Env env, Thread& thread, const std::string& map, const std::string& dump, bool flush) {
  std::string wrong = WhyNot(thread.isolate);
  if (wrong.empty()) {
    std::lock_guard<std::mutex> lock(on_mutex);
    wrong = code_map::Open(map, dump);
    if (wrong.empty()) {
      if (!thread.on) threads_on++;
      v8_flags::Change("--interpreted-frames-native-stack");
    } else if (threads_on == 0) {  // the map may be there, and the dump is not
      code_map::Leave();
      code_map::RemoveFiles();
    }
  }
  if (!wrong.empty()) {
    Napi::Error::New(env, wrong).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (thread.on) thread.isolate->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  code_map::Forget(thread.isolate);
  auto [from, size, to] = FindBuiltinsCopy(thread.isolate);
  if (to) code_map::Copied(thread.isolate, from, size, to);
  thread.on = true;
  bool is_flushed = flush && FlushBytecode(thread.isolate);
  thread.isolate->SetJitCodeEventHandler(v8::kJitCodeEventEnumExisting, OnCode);
  return Napi::Boolean::New(env, is_flushed);
}

Napi::Value Names(Napi::Env env, uint32_t most) {
  auto names = code_map::NewNames(most);
  auto list = Napi::Array::New(env, names.size() * 5);
  uint32_t next = 0;
  for (auto& [id, name] : names) {
    list.Set(next++, Napi::Number::New(env, id));
    list.Set(next++, Napi::String::New(env, name.function));
    list.Set(next++, Napi::String::New(env, name.script));
    list.Set(next++, Napi::Number::New(env, name.line));
    list.Set(next++, Napi::Number::New(env, name.column));
  }
  return list;
}

Napi::Value MapSize(Napi::Env env, const Thread& thread) {
  auto [entries, all, bytes, rewritten, trouble, is_lost] = code_map::Measure(thread.isolate);
  auto size = Napi::Object::New(env);
  size.Set("entries", static_cast<double>(entries));
  size.Set("all", static_cast<double>(all));
  size.Set("bytes", static_cast<double>(bytes));
  size.Set("rewritten", static_cast<double>(rewritten));
  size.Set("trouble", trouble);
  size.Set("isLost", is_lost);
  return size;
}

}  // namespace

void InitCodeEvents(Napi::Env env, Napi::Object exports) {
  auto thread = std::make_shared<Thread>();
  thread->isolate = v8::Isolate::GetCurrent();
  AtEnd(env, [thread] { Off(*thread, true); });
  exports.Set("codeOn", Napi::Function::New(env, [thread](const Napi::CallbackInfo& info) {
                return On(info.Env(), *thread, info[0].As<Napi::String>(), info[1].As<Napi::String>(),
                          info[2].As<Napi::Boolean>());
              }));
  exports.Set("codeOff", Napi::Function::New(env, [thread](const Napi::CallbackInfo&) { Off(*thread, false); }));
  exports.Set("codeRemove", Napi::Function::New(env, [](const Napi::CallbackInfo&) { code_map::RemoveFiles(); }));
  exports.Set("codeNames", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Names(info.Env(), info[0].As<Napi::Number>());
              }));
  exports.Set("codeRename", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                code_map::Rename(info[0].As<Napi::Number>(), info[1].As<Napi::String>(), info[2].As<Napi::Number>());
              }));
  exports.Set("codeSize", Napi::Function::New(
                              env, [thread](const Napi::CallbackInfo& info) { return MapSize(info.Env(), *thread); }));
  exports.Set("codeFlush", Napi::Function::New(env, [](const Napi::CallbackInfo&) { code_map::Flush(); }));
}

}  // namespace sonde
