// The addon: what sonde does that JavaScript cannot. Every function here is called by packages/native's TypeScript only,
// which passes what the comments say; a mistake there is an exception, never undefined behaviour.
#include "dtrace.h"
#include "fire.h"
#if defined(__linux__)
#include "events.h"
#include "object.h"
#endif

#ifndef SONDE_BACKEND  // binding.gyp says what the build was configured for
#define SONDE_BACKEND "auto"
#endif

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("backend", SONDE_BACKEND);
  sonde::InitDtrace(env, exports);
  sonde::InitFire(env, exports);
#if defined(__linux__)
  sonde::InitEvents(env, exports);
  sonde::InitObject(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
