#include "allocation.h"

#include <v8-profiler.h>
#include <v8.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include "environment.h"

namespace sonde {
namespace {

// As many frames as the inspector has V8 tell callers apart by.
constexpr int kStackDepth = 128;

struct Sampling {
  v8::Isolate* isolate = nullptr;
  uint64_t interval = 0;
  bool on = false;

  v8::HeapProfiler* profiler() const { return isolate->GetHeapProfiler(); }

  bool Start() {
    // Without kSamplingForceGC.
    auto flags = static_cast<v8::HeapProfiler::SamplingFlags>(v8::HeapProfiler::kSamplingIncludeObjectsCollectedByMajorGC |
                                                              v8::HeapProfiler::kSamplingIncludeObjectsCollectedByMinorGC);
    on = profiler()->StartSamplingHeapProfiler(interval, kStackDepth, flags);
    return on;
  }

  void Stop() {
    if (on) profiler()->StopSamplingHeapProfiler();
    on = false;
  }
};

// Node-API's handles are V8's, and this addon is for one version of both.
napi_value Text(Napi::Env env, v8::Local<v8::String> string) {
  if (string.IsEmpty()) return Napi::String::New(env, "");
  napi_value value;
  static_assert(sizeof value == sizeof string);
  memcpy(&value, static_cast<void*>(&string), sizeof value);
  return value;
}

Napi::Value Take(Napi::Env env, Sampling& sampling) {
  if (!sampling.on) return env.Undefined();
  std::unique_ptr<v8::AllocationProfile> profile(sampling.profiler()->GetAllocationProfile());
  if (!profile) {
    sampling.on = false;
    return env.Undefined();
  }
  std::unordered_map<uint32_t, uint32_t> counts;
  for (const auto& sample : profile->GetSamples()) counts[sample.node_id]++;
  Napi::Array values = Napi::Array::New(env);
  uint32_t at = 0;
  std::vector<v8::AllocationProfile::Node*> nodes{profile->GetRootNode()};
  while (!nodes.empty()) {
    auto node = nodes.back();
    nodes.pop_back();
    nodes.insert(nodes.end(), node->children.begin(), node->children.end());
    double bytes = 0;
    // V8 has scaled each sample up to what it stands for.
    for (const auto& allocation : node->allocations) bytes += static_cast<double>(allocation.size) * allocation.count;
    if (bytes == 0) continue;
    values.Set(at++, Napi::Number::New(env, bytes));
    values.Set(at++, Napi::Number::New(env, counts[node->node_id]));
    values.Set(at++, Text(env, node->name));
    values.Set(at++, Text(env, node->script_name));
    values.Set(at++, Napi::Number::New(env, node->line_number));
  }
  // Begun anew, or V8 would keep all samples from the first one on.
  sampling.Stop();
  sampling.Start();
  return values;
}

}  // namespace

void InitAllocation(Napi::Env env, Napi::Object exports) {
  auto sampling = std::make_shared<Sampling>();
  sampling->isolate = v8::Isolate::GetCurrent();
  AtEnd(env, [sampling] { sampling->Stop(); });
  exports.Set("allocationsOn", Napi::Function::New(env, [sampling](const Napi::CallbackInfo& info) {
                sampling->Stop();
                sampling->interval = info[0].As<Napi::Number>().Int64Value();
                return Napi::Boolean::New(info.Env(), sampling->Start());
              }));
  exports.Set("allocationsTake", Napi::Function::New(env, [sampling](const Napi::CallbackInfo& info) {
                return Take(info.Env(), *sampling);
              }));
  exports.Set("allocationsOff", Napi::Function::New(env, [sampling](const Napi::CallbackInfo&) { sampling->Stop(); }));
}

}  // namespace sonde
