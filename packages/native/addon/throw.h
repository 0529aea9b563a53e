#pragma once
#include <napi.h>

#include "result.h"

namespace sonde {

// Throws an Error, with `errno` where a system call failed, and returns what a function then has to
// return.
inline Napi::Value Throw(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.reason);
  if (failure.code != 0) error.Value().Set("errno", failure.code);
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace sonde
