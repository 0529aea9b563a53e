// Garbage collections, where they happen. V8 lets no JavaScript run there, so the probe's stub is called from here. The stub is
// found as tracers find it, by the symbol in its probe object: nothing of @sonde/native is needed for that, and it is the same
// function in memory, since the dynamic linker maps an object once.
//
// Whether somebody traces is not asked: an unpatched stub is `nop; ret`. The callbacks are there only while gcOn holds.
#include "gc.h"

#include <dlfcn.h>
#include <v8.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "environment.h"

namespace sonde {
namespace {

using Stub = void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

struct Collections {
  v8::Isolate* isolate = nullptr;
  void* object = nullptr;  // held, so that the stubs stay mapped
  Stub start = nullptr;
  Stub done = nullptr;
  std::chrono::steady_clock::time_point started;
  uint64_t before = 0;
  bool on = false;
};

uint64_t HeapInUse(v8::Isolate* isolate) {
  v8::HeapStatistics statistics;
  isolate->GetHeapStatistics(&statistics);
  return statistics.used_heap_size();
}

void OnStart(v8::Isolate* isolate, v8::GCType kind, v8::GCCallbackFlags flags, void* data) {
  auto collections = static_cast<Collections*>(data);
  collections->before = HeapInUse(isolate);
  collections->start(kind, flags, collections->before, 0, 0);
  collections->started = std::chrono::steady_clock::now();
}

void OnDone(v8::Isolate* isolate, v8::GCType kind, v8::GCCallbackFlags flags, void* data) {
  auto collections = static_cast<Collections*>(data);
  auto ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - collections->started).count();
  collections->done(kind, flags, ns, HeapInUse(isolate), collections->before);
}

void Stop(Collections& collections) {
  if (!collections.on) return;
  collections.on = false;
  collections.isolate->RemoveGCPrologueCallback(OnStart, &collections);
  collections.isolate->RemoveGCEpilogueCallback(OnDone, &collections);
  dlclose(collections.object);
}

Napi::Value Throw(Napi::Env env, const std::string& message) {
  Napi::Error::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value Start(Napi::Env env, Collections& collections, const std::string& path, const std::string& start,
                  const std::string& done) {
  Stop(collections);
  void* object = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (object == nullptr) return Throw(env, path + " is not loaded in this process");
  auto start_stub = reinterpret_cast<Stub>(dlsym(object, start.c_str()));
  auto done_stub = reinterpret_cast<Stub>(dlsym(object, done.c_str()));
  if (start_stub == nullptr || done_stub == nullptr) {
    dlclose(object);
    return Throw(env, path + " has no symbol " + (start_stub == nullptr ? start : done));
  }
  collections.object = object;
  collections.start = start_stub;
  collections.done = done_stub;
  collections.before = HeapInUse(collections.isolate);
  collections.started = std::chrono::steady_clock::now();
  collections.on = true;
  collections.isolate->AddGCPrologueCallback(OnStart, &collections);
  collections.isolate->AddGCEpilogueCallback(OnDone, &collections);
  return env.Undefined();
}

}  // namespace

void InitGc(Napi::Env env, Napi::Object exports) {
  auto collections = std::make_shared<Collections>();
  collections->isolate = v8::Isolate::GetCurrent();
  AtEnd(env, [collections] { Stop(*collections); });
  exports.Set("gcOn", Napi::Function::New(env, [collections](const Napi::CallbackInfo& info) {
                return Start(info.Env(), *collections, info[0].As<Napi::String>(), info[1].As<Napi::String>(),
                             info[2].As<Napi::String>());
              }));
  exports.Set("gcOff", Napi::Function::New(env, [collections](const Napi::CallbackInfo&) { Stop(*collections); }));
}

}  // namespace sonde
