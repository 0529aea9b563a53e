// Probes that the system's DTrace knows by DOF: stubs of the pool, and one registration for each
// definition in the process.
#include "dtrace.h"

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "helper-device.h"
#include "stub-pool.h"
#include "throw.h"

namespace sonde {
namespace {

// A definition that was registered, and who has it.
struct Registered {
  std::string provider;
  std::string module;
  // `module:function:name` of each probe.
  std::vector<std::string> names;
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

// What nobody holds any more, by its key; without `handed` when it is withdrawn.
std::vector<std::pair<std::string, Registered>>& Released() {
  static auto* released = new std::vector<std::pair<std::string, Registered>>();
  return *released;
}

// Withdraws what is released, and gives back the stubs of which the system knows nothing any more.
// What cannot be withdrawn is tried again with the next registration or release: on Linux it takes
// another thread, elsewhere the device may not have opened. The mutex is held.
void Settle() {
  std::set<std::string> known;
  for (const auto& [key, registered] : Table()) known.insert(registered.provider);
  for (auto& [key, registered] : Released()) {
    if (registered.handed == nullptr) continue;
    if (registered.handed->Withdraw()) {
      registered.handed.reset();
    } else {
      known.insert(registered.provider);
    }
  }
  std::vector<std::pair<std::string, Registered>> left;
  for (auto& [key, registered] : Released()) {
    bool has_probes = kDtraceSystem.keeps_withdrawn ? known.count(registered.provider) > 0 : registered.handed != nullptr;
    if (has_probes) {
      left.emplace_back(key, std::move(registered));
    } else {
      GiveBackStubs(registered.stubs);
    }
  }
  Released().swap(left);
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
    if (--found->second.holders == 0) {
      Released().emplace_back(key_, std::move(found->second));
      Table().erase(found);
    }
    Settle();
  }

 private:
  std::string key_;
  bool released_ = false;
};

const uint8_t* NopOf(uint32_t stub) { return StubPool() + stub * kStubDistance + kNopOffset; }

// Of how many registrations the system knows.
size_t CountKnown() {
  size_t known = Table().size();
  for (const auto& [key, registered] : Released()) known += registered.handed != nullptr;
  return known;
}

// A definition as JavaScript gives it, but for what is the registration's own.
struct Definition {
  std::string key;
  std::string provider;
  std::string module;
  std::vector<std::string> names;
  std::vector<uint8_t> dof;
  // Of each probe, its places in the DOF.
  std::vector<DofProbe> probes;
};

// The name of a probe that the process has in another definition, and cannot have twice; else
// empty.
std::string FindTwin(const Definition& definition) {
  if (kDtraceSystem.takes_twins) return "";
  std::set<std::string> names(definition.names.begin(), definition.names.end());
  auto find = [&](const std::string& key, const Registered& registered) -> std::string {
    if (registered.provider != definition.provider || key == definition.key) return "";
    for (const std::string& name : registered.names) {
      if (names.count(name) > 0) return name;
    }
    return "";
  };
  std::string twin;
  for (const auto& [key, registered] : Table()) {
    if (twin.empty()) twin = find(key, registered);
  }
  for (const auto& [key, registered] : Released()) {
    if (twin.empty()) twin = find(key, registered);
  }
  return twin;
}

Result<std::unique_ptr<HandedDof>> HandOver(Definition* definition, const std::string& module,
                                            const std::vector<uint32_t>& stubs) {
  for (size_t i = 0; i < stubs.size(); i++) definition->probes[i].nop = NopOf(stubs[i]);
  return HandOver(module, definition->dof, definition->probes);
}

// Has the system know the probes as if this thread had come first, where that makes a difference.
void Renew(const std::string& key, Registered* registered, Definition* definition) {
  if (!registered->handed->IsToRenew()) return;
  Result<std::unique_ptr<HandedDof>> anew = HandOver(definition, registered->module, registered->stubs);
  if (!anew) return;
  registered->handed.swap(*anew);
  Registered before = {registered->provider, registered->module, registered->names, {}, std::move(*anew), 0};
  Released().emplace_back(key, std::move(before));
}

// Takes back what is released with the same key: the system may still have its probes, where they
// were.
bool Revive(const std::string& key, Registered* registered) {
  for (auto each = Released().begin(); each != Released().end(); ++each) {
    if (each->first != key || each->second.stubs.empty()) continue;
    *registered = std::move(each->second);
    Released().erase(each);
    return true;
  }
  return false;
}

// Takes stubs, or those that it had, and hands the probes over.
Result<Registered> Make(Definition* definition) {
  Registered made = {definition->provider, definition->module, definition->names, {}, nullptr, 0};
  bool is_revived = Revive(definition->key, &made);
  if (!is_revived) made.stubs = TakeStubs(definition->probes.size());
  Failure failure;
  if (made.stubs.size() < definition->probes.size()) {
    failure.reason = "all " + std::to_string(kStubCount) + " stubs of the process are in use";
  } else if (made.handed != nullptr) {
    Renew(definition->key, &made, definition);
    return made;
  } else {
    Result<std::unique_ptr<HandedDof>> handed = HandOver(definition, made.module, made.stubs);
    if (handed) {
      made.handed = std::move(*handed);
      return made;
    }
    failure = handed.failure();
  }
  if (is_revived) {
    Released().emplace_back(definition->key, std::move(made));
  } else {
    GiveBackStubs(made.stubs);
  }
  return failure;
}

// The mutex is held.
Result<const Registered*> Register(Definition* definition) {
  Settle();
  const std::string& key = definition->key;
  auto found = Table().find(key);
  if (found != Table().end()) {
    Renew(key, &found->second, definition);
    found->second.holders++;
    return &found->second;
  }
  size_t most = kDtraceSystem.registrations;
  if (most > 0 && CountKnown() >= most) {
    return Failure{"the system takes " + std::to_string(most) + " providers of a process, and there are as many already"};
  }
  std::string twin = FindTwin(*definition);
  if (!twin.empty()) {
    return Failure{"this process has the probe " + definition->provider + ":" + twin +
                   " already, of another definition, and the system takes one of that name"};
  }
  Result<Registered> made = Make(definition);
  if (!made) return made.failure();
  made->holders = 1;
  return &Table().emplace(key, std::move(*made)).first->second;
}

// Throws, and is false, when a probe is outside the DOF.
bool Read(Napi::Object given, Definition* definition) {
  definition->key = given.Get("key").As<Napi::String>();
  definition->provider = given.Get("provider").As<Napi::String>();
  definition->module = given.Get("module").As<Napi::String>();
  auto names = given.Get("names").As<Napi::Array>();
  auto dof = given.Get("dof").As<Napi::Uint8Array>();
  auto addresses = given.Get("addresses").As<Napi::Uint32Array>();
  auto offsets = given.Get("offsets").As<Napi::Uint32Array>();
  size_t count = names.Length();
  definition->dof.assign(dof.Data(), dof.Data() + dof.ByteLength());
  bool is_inside = count > 0 && addresses.ElementLength() == count && offsets.ElementLength() == count;
  for (size_t i = 0; is_inside && i < count; i++) {
    definition->names.push_back(names.Get(i).As<Napi::String>());
    definition->probes.push_back({addresses[i], offsets[i], nullptr});
    is_inside = addresses[i] + sizeof(uint64_t) <= dof.ByteLength() && offsets[i] + sizeof(uint32_t) <= dof.ByteLength();
  }
  if (!is_inside) Napi::RangeError::New(given.Env(), "a probe outside the DOF").ThrowAsJavaScriptException();
  return is_inside;
}

Napi::Value RegisterDof(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Definition definition;
  if (!Read(info[0].As<Napi::Object>(), &definition)) return env.Undefined();
  std::vector<uint32_t> stubs;
  {
    std::lock_guard<std::mutex> lock(mutex);
    Result<const Registered*> registered = Register(&definition);
    if (!registered) return Throw(env, registered.failure());
    stubs = (*registered)->stubs;
  }
  auto held = std::make_unique<Registration>(definition.key);
  auto registration = Napi::External<Registration>::New(env, held.get(), [](Napi::Env, Registration* held) { delete held; });
  // A thread that is being ended makes no more objects.
  if (registration.IsEmpty()) return env.Undefined();
  held.release();
  Napi::Array numbers = Napi::Array::New(env, stubs.size());
  for (size_t i = 0; i < stubs.size(); i++) numbers.Set(i, stubs[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("stubs", numbers);
  result.Set("registration", registration);
  return result;
}

void UnregisterDof(const Napi::CallbackInfo& info) { info[0].As<Napi::External<Registration>>().Data()->Release(); }

// The stubs, as JavaScript watches them. They stay as long as the process: nothing is to be done
// when the array goes.
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
    return Throw(env, {"this process cannot use " + NoDevice().reason + "; DTrace must be there before the program starts"});
  }
  Napi::Object pool = Napi::Object::New(env);
  pool.Set("code", StubPoolView(env));
  pool.Set("distance", static_cast<double>(kStubDistance));
  pool.Set("nop", static_cast<double>(kNopOffset));
  pool.Set("untraced", static_cast<double>(kUntracedByte));
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
