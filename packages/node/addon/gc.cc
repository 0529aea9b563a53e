// Garbage collections, where they happen. V8 lets no JavaScript run there, so the probe's stub is
// called from here. JavaScript hands it over as memory that begins where the stub does: nothing of
// @sonde/native is needed for that, whatever its backend.
//
// Whether somebody traces is not asked: an unpatched stub is `nop; ret`. The callbacks are there
// only while gcOn holds.
#include "gc.h"

#include <v8.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "environment.h"

namespace sonde {
namespace {

using Stub = void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

struct Collections {
  v8::Isolate* isolate = nullptr;
  Napi::Reference<Napi::Uint8Array> held[2];  // so that the stubs stay mapped
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
  for (auto& memory : collections.held) memory.Reset();
}

Stub StubAt(Napi::Uint8Array memory) { return reinterpret_cast<Stub>(reinterpret_cast<uintptr_t>(memory.Data())); }

void Start(Collections& collections, Napi::Uint8Array start, Napi::Uint8Array done) {
  Stop(collections);
  collections.held[0] = Napi::Persistent(start);
  collections.held[1] = Napi::Persistent(done);
  collections.start = StubAt(start);
  collections.done = StubAt(done);
  collections.before = HeapInUse(collections.isolate);
  collections.started = std::chrono::steady_clock::now();
  collections.on = true;
  collections.isolate->AddGCPrologueCallback(OnStart, &collections);
  collections.isolate->AddGCEpilogueCallback(OnDone, &collections);
}

}  // namespace

void InitGc(Napi::Env env, Napi::Object exports) {
  auto collections = std::make_shared<Collections>();
  collections->isolate = v8::Isolate::GetCurrent();
  AtEnd(env, [collections] { Stop(*collections); });
  exports.Set("gcOn", Napi::Function::New(env, [collections](const Napi::CallbackInfo& info) {
                Start(*collections, info[0].As<Napi::Uint8Array>(), info[1].As<Napi::Uint8Array>());
              }));
  exports.Set("gcOff", Napi::Function::New(env, [collections](const Napi::CallbackInfo&) { Stop(*collections); }));
}

}  // namespace sonde
