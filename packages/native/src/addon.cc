// The addon: what sonde does that JavaScript cannot. Every function here is called by packages/native's TypeScript only,
// which passes what the comments say; a mistake there is an exception, never undefined behaviour.
#include "dtrace.h"
#include "events.h"
#include "fire.h"
#include "object.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  sonde::InitDtrace(env, exports);
  sonde::InitEvents(env, exports);
  sonde::InitFire(env, exports);
  sonde::InitObject(env, exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
