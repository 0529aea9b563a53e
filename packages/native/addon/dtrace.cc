// Probes that the system's DTrace knows by DOF: stubs of the pool, and one registration for each definition in the process.
#include "dtrace.h"

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "helper-device.h"
#include "stub-pool.h"

namespace sonde {
namespace {

struct Registered {
  std::vector<uint32_t> stubs;
  std::unique_ptr<HandedDof> handed;
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
    found->second.handed.reset();
    GiveBackStubs(found->second.stubs);
    Table().erase(found);
  }

 private:
  std::string key_;
  bool released_ = false;
};

const uint8_t* NopOf(uint32_t stub) { return StubPool() + stub * kStubDistance + kNopOffset; }

// Null, with the reason, when the probes cannot be registered. The mutex is held.
const Registered* Register(const std::string& key, const std::string& module, Napi::Uint8Array dof,
                           Napi::Uint32Array addresses, Napi::Uint32Array offsets, std::string* reason) {
  auto found = Table().find(key);
  if (found == Table().end()) {
    size_t most = kDtraceSystem.registrations;
    if (most > 0 && Table().size() >= most) {
      *reason = "the system takes " + std::to_string(most) + " providers of a process, and there are as many already";
      return nullptr;
    }
    size_t count = addresses.ElementLength();
    Registered made = {TakeStubs(count), nullptr, 0};
    if (made.stubs.size() < count) {
      *reason = "all " + std::to_string(kStubCount) + " stubs of the process are in use";
    } else {
      std::vector<DofProbe> probes;
      for (size_t i = 0; i < count; i++) probes.push_back({addresses[i], offsets[i], NopOf(made.stubs[i])});
      made.handed = HandOver(module, {dof.Data(), dof.Data() + dof.ByteLength()}, probes, reason);
    }
    if (made.handed == nullptr) {
      GiveBackStubs(made.stubs);
      return nullptr;
    }
    found = Table().emplace(key, std::move(made)).first;
  }
  found->second.holders++;
  return &found->second;
}

bool AreInside(Napi::Uint32Array places, size_t bytes, Napi::Uint8Array dof) {
  for (size_t i = 0; i < places.ElementLength(); i++) {
    if (places[i] + bytes > dof.ByteLength()) return false;
  }
  return true;
}

Napi::Value RegisterDof(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string key = info[0].As<Napi::String>();
  auto dof = info[2].As<Napi::Uint8Array>();
  auto addresses = info[3].As<Napi::Uint32Array>();
  auto offsets = info[4].As<Napi::Uint32Array>();
  if (!AreInside(addresses, sizeof(uint64_t), dof) || !AreInside(offsets, sizeof(uint32_t), dof) ||
      addresses.ElementLength() != offsets.ElementLength()) {
    Napi::RangeError::New(env, "a probe outside the DOF").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::vector<uint32_t> stubs;
  {
    std::lock_guard<std::mutex> lock(mutex);
    std::string reason;
    const Registered* registered = Register(key, info[1].As<Napi::String>(), dof, addresses, offsets, &reason);
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

Napi::Value OpenDtrace(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  HelperDevice device;
  if (!device.is_open()) {
    Napi::Error::New(env, std::string("this process cannot use ") + Because(kDtraceSystem.device) +
                              "; DTrace must be there before the program starts")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object pool = Napi::Object::New(env);
  pool.Set("code", StubPoolView(env));
  pool.Set("distance", static_cast<double>(kStubDistance));
  pool.Set("nop", static_cast<double>(kNopOffset));
  pool.Set("resting", static_cast<double>(kRestingByte));
  pool.Set("version", static_cast<double>(kDtraceSystem.version));
  pool.Set("arguments", static_cast<double>(kDtraceSystem.arguments));
  return pool;
}

}  // namespace

void InitDtrace(Napi::Env env, Napi::Object exports) {
  exports.Set("openDtrace", Napi::Function::New(env, OpenDtrace));
  exports.Set("registerDof", Napi::Function::New(env, RegisterDof));
  exports.Set("unregisterDof", Napi::Function::New(env, UnregisterDof));
}

}  // namespace sonde
