#include "code-events.h"

#include <unistd.h>
#include <v8.h>

#include <memory>
#include <mutex>
#include <string>

#include "builtins-copy.h"
#include "code-map.h"
#include "environment.h"

namespace sonde {
namespace {

std::mutex on_mutex;
int threads_on = 0;

struct Thread {
  v8::Isolate* isolate = nullptr;
  bool on = false;
};

// Called in whichever thread, also while the garbage collector runs: V8 must not be called from here.
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

void SetFlag(const char* flag) { v8::V8::SetFlagsFromString(flag); }

std::mutex flush_mutex;
int threads_flushing = 0;

// Bytecode is thrown away when it is old, which V8 can be told that all of it is. What runs just now stays. The flag is the process's: while one
// thread wants it, others that collect their garbage throw theirs away, too.
void FlushBytecode(v8::Isolate* isolate) {
  {
    std::lock_guard<std::mutex> lock(flush_mutex);
    if (threads_flushing++ == 0) SetFlag("--stress-flush-code");
  }
  // The first makes it old, the second drops it.
  for (int i = 0; i < 2; i++) {
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
    isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
  }
  std::lock_guard<std::mutex> lock(flush_mutex);
  if (--threads_flushing == 0) SetFlag("--no-stress-flush-code");
}

void Off(Thread& thread, bool flush) {
  if (!thread.on) return;
  thread.on = false;
  thread.isolate->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  {
    std::lock_guard<std::mutex> lock(on_mutex);
    if (--threads_on == 0) {
      SetFlag("--no-interpreted-frames-native-stack");
      code_map::Close();  // with what is in it now: a tracer may read it after the end of the process
    } else {
      code_map::End(thread.isolate);
    }
  }
  if (flush) FlushBytecode(thread.isolate);
}

Napi::Value On(Napi::Env env, Thread& thread, const std::string& map, const std::string& dump, bool flush) {
  {
    std::lock_guard<std::mutex> lock(on_mutex);
    std::string wrong = code_map::Open(map, dump);
    if (!wrong.empty()) {
      if (threads_on == 0 && code_map::IsOpen()) {  // the map is there, and the dump is not
        code_map::Close();
        unlink(map.c_str());
      }
      Napi::Error::New(env, wrong).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    if (!thread.on) threads_on++;
    SetFlag("--interpreted-frames-native-stack");
  }
  if (thread.on) thread.isolate->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  code_map::Forget(thread.isolate);
  auto [from, size, to] = FindBuiltinsCopy(thread.isolate);
  if (to) code_map::Copied(thread.isolate, from, size, to);
  thread.on = true;
  if (flush) FlushBytecode(thread.isolate);
  thread.isolate->SetJitCodeEventHandler(v8::kJitCodeEventEnumExisting, OnCode);
  return env.Undefined();
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
  auto [entries, all, bytes, rewritten] = code_map::Measure(thread.isolate);
  auto size = Napi::Object::New(env);
  size.Set("entries", static_cast<double>(entries));
  size.Set("all", static_cast<double>(all));
  size.Set("bytes", static_cast<double>(bytes));
  size.Set("rewritten", static_cast<double>(rewritten));
  return size;
}

}  // namespace

void InitCodeEvents(Napi::Env env, Napi::Object exports) {
  auto thread = std::make_shared<Thread>();
  thread->isolate = v8::Isolate::GetCurrent();
  AtEnd(env, [thread] { Off(*thread, false); });
  exports.Set("codeOn", Napi::Function::New(env, [thread](const Napi::CallbackInfo& info) {
                return On(info.Env(), *thread, info[0].As<Napi::String>(), info[1].As<Napi::String>(),
                          info[2].As<Napi::Boolean>());
              }));
  exports.Set("codeOff", Napi::Function::New(
                             env, [thread](const Napi::CallbackInfo& info) { Off(*thread, info[0].As<Napi::Boolean>()); }));
  exports.Set("codeNames", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Names(info.Env(), info[0].As<Napi::Number>());
              }));
  exports.Set("codeRename", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                code_map::Rename(info[0].As<Napi::Number>(), info[1].As<Napi::String>(), info[2].As<Napi::Number>());
              }));
  exports.Set("codeSize", Napi::Function::New(
                              env, [thread](const Napi::CallbackInfo& info) { return MapSize(info.Env(), *thread); }));
  exports.Set("codeIsOpen", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Napi::Boolean::New(info.Env(), code_map::IsOpen());
              }));
  exports.Set("codeFlush", Napi::Function::New(env, [](const Napi::CallbackInfo&) { code_map::Flush(); }));
}

}  // namespace sonde
