// Probes that the system's DTrace knows by DOF: stubs of the pool, and one registration for each definition in the process.
#include "dtrace.h"

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dtrace-helper.h"
#include "stub-pool.h"

namespace sonde {
namespace {

struct Registered {
  std::vector<uint32_t> stubs;
  int64_t generation;
  size_t holders;
};

// For the whole process: worker threads share it.
std::mutex mutex;
std::map<std::string, Registered>& Table() {
  static auto* table = new std::map<std::string, Registered>();  // never destroyed: threads may outlive main
  return *table;
}

// One holder of a registration.
class Registration {
 public:
  explicit Registration(std::string key) : key_(std::move(key)) {}
  ~Registration() { Release(); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  void Release() {
    if (released_) return;
    released_ = true;
    std::lock_guard<std::mutex> lock(mutex);
    auto found = Table().find(key_);
    if (--found->second.holders > 0) return;
    RemoveDof(found->second.generation);
    GiveBackStubs(found->second.stubs);
    Table().erase(found);
  }

 private:
  std::string key_;
  bool released_ = false;
};

// Null, with the reason, when the probes cannot be registered. The mutex is held.
const Registered* Register(const std::string& key, const std::string& module, Napi::Uint8Array dof,
                           Napi::Uint32Array addresses, std::string* reason) {
  auto found = Table().find(key);
  if (found == Table().end()) {
    Registered made = {TakeStubs(addresses.ElementLength()), 0, 0};
    if (made.stubs.size() < addresses.ElementLength()) {
      GiveBackStubs(made.stubs);
      *reason = "all " + std::to_string(kStubCount) + " stubs of the process are in use";
      return nullptr;
    }
    std::vector<uint8_t> content(dof.Data(), dof.Data() + dof.ByteLength());
    for (size_t i = 0; i < made.stubs.size(); i++) {
      uint64_t address = reinterpret_cast<uintptr_t>(StubPool() + made.stubs[i] * kStubDistance + kNopOffset);
      memcpy(&content[addresses[i]], &address, sizeof address);
    }
    if (!AddDof(module, content.data(), content.size(), &made.generation, reason)) {
      GiveBackStubs(made.stubs);
      return nullptr;
    }
    found = Table().emplace(key, std::move(made)).first;
  }
  found->second.holders++;
  return &found->second;
}

Napi::Value RegisterDof(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string key = info[0].As<Napi::String>();
  auto dof = info[2].As<Napi::Uint8Array>();
  auto addresses = info[3].As<Napi::Uint32Array>();
  for (size_t i = 0; i < addresses.ElementLength(); i++) {
    if (addresses[i] + sizeof(uint64_t) <= dof.ByteLength()) continue;
    Napi::RangeError::New(env, "an address outside the DOF").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::vector<uint32_t> stubs;
  {
    std::lock_guard<std::mutex> lock(mutex);
    std::string reason;
    const Registered* registered = Register(key, info[1].As<Napi::String>(), dof, addresses, &reason);
    if (registered == nullptr) {
      Napi::Error::New(env, reason).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    stubs = registered->stubs;
  }
  Napi::Array numbers = Napi::Array::New(env, stubs.size());
  for (size_t i = 0; i < stubs.size(); i++) numbers.Set(i, stubs[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("stubs", numbers);
  result.Set("registration", Napi::External<Registration>::New(env, new Registration(key),
                                                               [](Napi::Env, Registration* held) { delete held; }));
  return result;
}

void UnregisterDof(const Napi::CallbackInfo& info) { info[0].As<Napi::External<Registration>>().Data()->Release(); }

// The stubs, as JavaScript watches them. They stay as long as the process: nothing is to be done when the array goes.
Napi::Value StubPoolView(Napi::Env env) {
  constexpr size_t size = kStubCount * kStubDistance;
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(env, const_cast<uint8_t*>(StubPool()), size, nullptr, nullptr, &buffer);
  NAPI_THROW_IF_FAILED(env, status, env.Undefined());
  return Napi::Uint8Array::New(env, size, Napi::ArrayBuffer(env, buffer), 0);
}

Napi::Value GetStubPool(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object pool = Napi::Object::New(env);
  pool.Set("code", StubPoolView(env));
  pool.Set("distance", static_cast<double>(kStubDistance));
  pool.Set("nop", static_cast<double>(kNopOffset));
  pool.Set("resting", static_cast<double>(kRestingByte));
  return pool;
}

}  // namespace

void InitDtrace(Napi::Env env, Napi::Object exports) {
  exports.Set("stubPool", Napi::Function::New(env, GetStubPool));
  exports.Set("registerDof", Napi::Function::New(env, RegisterDof));
  exports.Set("unregisterDof", Napi::Function::New(env, UnregisterDof));
}

}  // namespace sonde
