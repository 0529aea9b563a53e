// Probe objects: loaded by the dynamic linker, so that tracers and debuggers find them as they find any library.
#include "object.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#ifndef MFD_EXEC  // linux/memfd.h, since Linux 6.3: asks for what vm.memfd_noexec would take away
#define MFD_EXEC 0x0010U
#endif

namespace sonde {
namespace {

Napi::Value Throw(Napi::Env env, const std::string& message) {
  Napi::Error::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value OpenObject(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path = info[0].As<Napi::String>();
  std::string symbol = info[1].As<Napi::String>();
  size_t size = info[2].As<Napi::Number>().Uint32Value();
  // The dynamic linker counts: each array that covers the object holds it once, in whichever thread.
  void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) return Throw(env, dlerror());
  void* code = dlsym(object, symbol.c_str());
  if (code == nullptr) {
    dlclose(object);
    return Throw(env, path + " has no symbol " + symbol);
  }
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(
      env, code, size, [](napi_env, void*, void* object) { dlclose(object); }, object, &buffer);
  if (status != napi_ok) {
    dlclose(object);
    return Throw(env, status == napi_no_external_buffers_allowed
                          ? "this runtime does not let native memory be seen from JavaScript (V8's sandbox)"
                          : "the object's code could not be made visible to JavaScript");
  }
  return Napi::Uint8Array::New(env, size, Napi::ArrayBuffer(env, buffer), 0);
}

// Descriptors by name, for the whole process: worker threads share them. Each stays open, because tracers reach the
// file through /proc/<pid>/fd/<n>, and because the dynamic linker knows a loaded object by that path too.
std::mutex memory_files_mutex;
std::map<std::string, int> memory_files;

int CreateMemoryFile(const std::string& name, const uint8_t* content, size_t size) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int file = memfd_create(name.c_str(), flags | MFD_EXEC);
  if (file < 0 && errno == EINVAL) file = memfd_create(name.c_str(), flags);
  if (file < 0) return -1;
  while (size > 0) {
    ssize_t written = write(file, content, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      int error = errno;
      close(file);
      errno = error;
      return -1;
    }
    content += written;
    size -= written;
  }
  // Nobody changes it from here on, us included.
  fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return file;
}

Napi::Value MemoryFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = info[0].As<Napi::String>();
  auto content = info[1].As<Napi::Uint8Array>();
  std::lock_guard<std::mutex> lock(memory_files_mutex);
  auto found = memory_files.find(name);
  if (found != memory_files.end()) return Napi::Number::New(env, found->second);
  int file = CreateMemoryFile(name, content.Data(), content.ByteLength());
  if (file < 0) return Throw(env, std::string("memfd_create: ") + strerror(errno));
  memory_files.emplace(name, file);
  return Napi::Number::New(env, file);
}

}  // namespace

void InitObject(Napi::Env env, Napi::Object exports) {
  exports.Set("openObject", Napi::Function::New(env, OpenObject));
  exports.Set("memoryFile", Napi::Function::New(env, MemoryFile));
}

}  // namespace sonde
