// The addon: what sonde does that JavaScript cannot. Every function here is called by
// packages/native's TypeScript only, which passes what the comments say; a mistake there is an
// exception, never undefined behaviour.
#include "dtrace.h"
#include "events.h"
#include "fire.h"
#include "object.h"
#include "parts.h"
#include "watch.h"

#ifndef SONDE_BACKEND  // binding.gyp says what the build was configured for
#define SONDE_BACKEND "auto"
#endif

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("backend", SONDE_BACKEND);
  sonde::InitFire(env, exports);
  sonde::InitWatch(env, exports);
#if SONDE_DTRACE
  sonde::InitDtrace(env, exports);
#endif
#if SONDE_EVENTS
  sonde::InitEvents(env, exports);
#endif
#if SONDE_OBJECTS
  sonde::InitObject(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
