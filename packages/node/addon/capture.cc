// The stack of a `stack` argument. V8's own formatting makes an Error and its property, collects
// code objects, and asks each frame for its receiver; this asks for function and place, and
// remembers how a place is written.
#include "capture.h"

#include <v8.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "environment.h"
#include "printable.h"

namespace sonde {
namespace {

// Frames of sonde's own above the function: more there never are.
constexpr int kOwnFrames = 16;
constexpr size_t kMostPlaces = 4096;
// In bytes: a function's name may be of any length, and so may a script's, which may be a whole
// program (`data:`).
constexpr size_t kMostName = 1024;

struct Place {
  int script, line, column;
  // V8's hash of the function's name: closures of one place may have names of their own, as methods
  // with computed names do.
  int name;
  bool is_constructor;
  bool operator==(const Place& other) const {
    return script == other.script && line == other.line && column == other.column && name == other.name &&
           is_constructor == other.is_constructor;
  }
};

struct PlaceHash {
  size_t operator()(const Place& place) const {
    uint64_t mixed = (static_cast<uint64_t>(place.script) << 40) ^ (static_cast<uint64_t>(place.line) << 16) ^ place.column;
    return std::hash<uint64_t>()((mixed ^ static_cast<uint32_t>(place.name)) * 0x9E3779B97F4A7C15u + place.is_constructor);
  }
};

using Places = std::unordered_map<Place, std::string, PlaceHash>;

// Node-API's handles are V8's, and this addon is for one version of both.
template <typename T>
v8::Local<T> Unwrap(napi_value value) {
  v8::Local<T> local;
  static_assert(sizeof local == sizeof value);
  memcpy(static_cast<void*>(&local), &value, sizeof value);
  return local;
}

template <typename T>
napi_value Wrap(v8::Local<T> local) {
  napi_value value;
  memcpy(&value, static_cast<void*>(&local), sizeof value);
  return value;
}

std::string Text(Napi::Env env, v8::Local<v8::String> string) {
  if (string.IsEmpty()) return "";
  char text[kMostName + 1];
  size_t length = 0;
  napi_get_value_string_utf8(env, Wrap(string), text, sizeof text, &length);
  return {text, length};
}

std::string Describe(Napi::Env env, v8::Local<v8::StackFrame> frame) {
  std::string function = Text(env, frame->GetFunctionName());
  std::string script = Text(env, frame->GetScriptNameOrSourceURL());
  std::string place = script.empty() ? "<anonymous>" : script;
  if (frame->IsWasm()) {
    place += ":wasm-function";
  } else if (frame->GetLineNumber() > 0) {
    place += ":" + std::to_string(frame->GetLineNumber()) + ":" + std::to_string(frame->GetColumn());
  }
  // One frame is one line, whatever its function is called.
  if (function.empty()) return Printable(place);
  return Printable((frame->IsConstructor() ? "new " : "") + function + " (" + place + ")");
}

int HashOf(v8::Local<v8::String> name) {
  return name.IsEmpty() ? 0 : name->GetIdentityHash();
}

bool IsOf(v8::Local<v8::StackFrame> frame, int script, v8::Local<v8::String> name) {
  if (frame->GetScriptId() != script) return false;
  auto function = frame->GetFunctionName();
  return !function.IsEmpty() && function->StringEquals(name);
}

Napi::Value Capture(const Napi::CallbackInfo& info, Places& places) {
  Napi::Env env = info.Env();
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  int depth = info[0].As<Napi::Number>();
  auto below = Unwrap<v8::Function>(info[1]);
  auto name = below->GetDebugName();
  if (name.IsEmpty() || !name->IsString()) return env.Undefined();
  auto trace = v8::StackTrace::CurrentStackTrace(isolate, depth + kOwnFrames, v8::StackTrace::kDetailed);
  int count = trace->GetFrameCount();
  int first = 0;
  while (first < count && first < kOwnFrames && !IsOf(trace->GetFrame(isolate, first), below->ScriptId(), name.As<v8::String>())) {
    first++;
  }
  if (first == count || first == kOwnFrames) return env.Undefined();
  std::string text;
  int end = std::min(count, first + 1 + depth);
  for (int i = first + 1; i < end; i++) {
    auto frame = trace->GetFrame(isolate, i);
    Place place{frame->GetScriptId(), frame->GetLineNumber(), frame->GetColumn(), HashOf(frame->GetFunctionName()), frame->IsConstructor()};
    auto found = places.find(place);
    if (found == places.end()) {
      if (places.size() >= kMostPlaces) places.clear();
      found = places.emplace(place, Describe(env, frame)).first;
    }
    if (i > first + 1) text += '\n';
    text += found->second;
  }
  return Napi::String::New(env, text);
}

}  // namespace

void InitCapture(Napi::Env env, Napi::Object exports) {
  auto places = std::make_shared<Places>();
  exports.Set("captureStack", Napi::Function::New(
                                  env, [places](const Napi::CallbackInfo& info) { return Capture(info, *places); }));
}

}  // namespace sonde
