// The V8 addon: what Node-API cannot do. It is compiled for one version of V8's interface, so there
// is one for each line of Node.js; src/addon.ts finds the right one and asks `abi` before it calls
// anything else. Every function here is called by packages/node's TypeScript only, which passes
// what the comments say.
#include "allocation.h"
#include "capture.h"
#include "environment.h"
#include "gc.h"
#if defined(__linux__)
#include "code-events.h"
#endif

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("abi", sonde::Abi());
  sonde::InitEnvironment(env);
  sonde::InitAllocation(env, exports);
  sonde::InitCapture(env, exports);
  sonde::InitGc(env, exports);
#if defined(__linux__)
  sonde::InitCodeEvents(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
