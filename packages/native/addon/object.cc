// Probe objects: loaded by the dynamic linker, so that tracers and debuggers find them as they find
// any library.
#include "object.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "throw.h"

#ifndef MFD_EXEC  // linux/memfd.h, since Linux 6.3: asks for what vm.memfd_noexec would take away
#define MFD_EXEC 0x0010U
#endif

namespace sonde {
namespace {

// All of this is the process's: worker threads share it, and so does the dynamic linker. Never
// destroyed: threads may outlive main.
struct Objects {
  std::mutex mutex;
  // How many arrays cover each object that is loaded.
  std::map<void*, size_t> loaded;
  // By their names.
  std::map<std::string, std::weak_ptr<struct MemoryObject>> in_memory;
};

Objects& TheObjects() {
  static auto* objects = new Objects();
  return *objects;
}

// Of an object: one for each segment (packages/elf/src/write.ts).
constexpr size_t kMappings = 3;
// Below this, nobody asks how many there may be.
constexpr size_t kAlwaysFine = 1000;

// V8 ends a process that may map no more. So probe objects take half of what the system allows at
// most.
std::string WhyNoMore() {
  size_t loaded;
  {
    std::lock_guard<std::mutex> lock(TheObjects().mutex);
    loaded = TheObjects().loaded.size();
  }
  if (loaded < kAlwaysFine) return "";
  size_t most = 65530;  // DEFAULT_MAX_MAP_COUNT in Linux's include/linux/mm.h
  if (FILE* file = fopen("/proc/sys/vm/max_map_count", "re")) {
    if (fscanf(file, "%zu", &most) != 1) most = 65530;
    fclose(file);
  }
  if (loaded < most / 2 / kMappings) return "";
  return "this process has " + std::to_string(loaded) + " probe objects, whose mappings are half of the " + std::to_string(most) +
         " that vm.max_map_count allows: define fewer providers with more probes each, or raise vm.max_map_count";
}

// The dynamic linker does not say why a file cannot be mapped.
bool IsExecutionForbidden(const std::string& path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  void* memory = mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  bool is_forbidden = memory == MAP_FAILED && errno == EPERM;
  if (memory != MAP_FAILED) munmap(memory, 1);
  close(file);
  return is_forbidden;
}

// Loads an object, or counts it once more. The mutex is held.
Result<void*> Load(Objects& objects, const std::string& path) {
  void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) {
    std::string reason = dlerror();
    return Failure{IsExecutionForbidden(path) ? reason + ": its file system forbids execution (noexec)" : reason};
  }
  objects.loaded[object]++;
  return object;
}

void Unload(void* object) {
  Objects& objects = TheObjects();
  std::lock_guard<std::mutex> lock(objects.mutex);
  auto found = objects.loaded.find(object);
  if (found != objects.loaded.end() && --found->second == 0) objects.loaded.erase(found);
  dlclose(object);
}

// What an array keeps that covers an object's code.
struct Held {
  void* object;
  std::shared_ptr<MemoryObject> memory;
};

// The `size` bytes of code from `symbol` on. The array holds the object, which it is given in any
// case.
Napi::Value CodeOf(Napi::Env env, Held held, const std::string& symbol, size_t size) {
  void* code = dlsym(held.object, symbol.c_str());
  if (code == nullptr) {
    Unload(held.object);
    return Throw(env, {"the object has no symbol " + symbol});
  }
  auto kept = std::make_unique<Held>(std::move(held));
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(
      env, code, size,
      [](napi_env, void*, void* data) {
        std::unique_ptr<Held> held(static_cast<Held*>(data));
        Unload(held->object);
      },
      kept.get(), &buffer);
  if (status != napi_ok) {
    Unload(kept->object);
    return Throw(env, {status == napi_no_external_buffers_allowed
                           ? "this runtime does not let native memory be seen from JavaScript (V8's sandbox)"
                           : "the object's code could not be made visible to JavaScript"});
  }
  kept.release();
  return Napi::Uint8Array::New(env, size, Napi::ArrayBuffer(env, buffer), 0);
}

Napi::Value CheckRoom(const Napi::CallbackInfo& info) {
  std::string reason = WhyNoMore();
  return reason.empty() ? info.Env().Undefined() : Throw(info.Env(), {reason});
}

Napi::Value OpenObject(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path = info[0].As<Napi::String>();
  std::string symbol = info[1].As<Napi::String>();
  size_t size = info[2].As<Napi::Number>().Uint32Value();
  Result<void*> object = [&] {
    Objects& objects = TheObjects();
    std::lock_guard<std::mutex> lock(objects.mutex);
    return Load(objects, path);
  }();
  if (!object) return Throw(env, object.failure());
  return CodeOf(env, {*object, nullptr}, symbol, size);
}

// An object in a file in memory. Tracers reach it by the file's descriptor, which is open for as
// long as somebody wants it to be found.
struct MemoryObject {
  std::string name;
  std::string path;
  int file = -1;
  struct stat status = {};
  size_t visible = 0;

  ~MemoryObject() { Close(); }

  // The program may have closed the descriptor, as who closes all of them does, and its number may
  // be another file's by now.
  bool IsOpen() const {
    struct stat now;
    return file >= 0 && fstat(file, &now) == 0 && now.st_dev == status.st_dev && now.st_ino == status.st_ino;
  }

  void Close() {
    if (IsOpen()) close(file);
    file = -1;
  }
};

bool WriteAll(int file, const uint8_t* content, size_t size) {
  while (size > 0) {
    ssize_t written = write(file, content, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content += written;
    size -= written;
  }
  return true;
}

int CreateMemoryFile(const std::string& name, const uint8_t* content, size_t size) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int file = memfd_create(name.c_str(), flags | MFD_EXEC);
  if (file < 0 && errno == EINVAL) file = memfd_create(name.c_str(), flags);
  if (file < 0) return -1;
  if (!WriteAll(file, content, size)) {
    int error = errno;
    close(file);
    errno = error;
    return -1;
  }
  // Nobody changes it from here on, us included.
  fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return file;
}

// The dynamic linker takes a path that it knows for the object that it knows, without a look at the
// file: an object that was withdrawn may still be loaded, and its descriptor's number be free. So
// the file gets a number whose path is not known.
int MoveToUnknownPath(const std::string& folder, int file) {
  for (;;) {
    void* known = dlopen((folder + std::to_string(file)).c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (known == nullptr) {
      dlerror();
      return file;
    }
    dlclose(known);
    int moved = fcntl(file, F_DUPFD_CLOEXEC, file + 1);
    int error = errno;
    close(file);
    errno = error;
    if (moved < 0) return -1;
    file = moved;
  }
}

Result<std::shared_ptr<MemoryObject>> CreateMemoryObject(const std::string& folder, const std::string& name,
                                                         Napi::Uint8Array content) {
  auto made = std::make_shared<MemoryObject>();
  made->name = name;
  int file = CreateMemoryFile(name, content.Data(), content.ByteLength());
  if (file >= 0) file = MoveToUnknownPath(folder, file);
  if (file < 0 || fstat(file, &made->status) != 0) return SystemFailure("a file in memory cannot be made");
  made->file = file;
  made->path = folder + std::to_string(file);
  return made;
}

void Hide(std::shared_ptr<MemoryObject>* held) {
  if (*held == nullptr) return;
  Objects& objects = TheObjects();
  std::lock_guard<std::mutex> lock(objects.mutex);
  std::shared_ptr<MemoryObject> object = std::move(*held);
  held->reset();
  if (--object->visible > 0) return;
  object->Close();
  auto found = objects.in_memory.find(object->name);
  if (found != objects.in_memory.end() && found->second.lock() == object) objects.in_memory.erase(found);
}

// The object of a name that is there, or that is made of the content, if there is any; once loaded,
// it is visible to one more. The mutex is held.
Result<Held> LoadFromMemory(Objects& objects, const std::string& folder, const std::string& name, Napi::Value content) {
  std::shared_ptr<MemoryObject> memory;
  auto found = objects.in_memory.find(name);
  if (found != objects.in_memory.end()) memory = found->second.lock();
  if (memory == nullptr || !memory->IsOpen()) {
    if (content.IsUndefined()) return Held{nullptr, nullptr};
    auto made = CreateMemoryObject(folder, name, content.As<Napi::Uint8Array>());
    if (!made) return made.failure();
    memory = *made;
  }
  Result<void*> object = Load(objects, memory->path);
  if (!object) return object.failure();
  memory->visible++;
  objects.in_memory[name] = memory;
  return Held{*object, memory};
}

using Visible = std::shared_ptr<MemoryObject>;

Napi::Value OpenMemoryObject(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string folder = info[0].As<Napi::String>();
  std::string name = info[1].As<Napi::String>();
  std::string symbol = info[2].As<Napi::String>();
  size_t size = info[3].As<Napi::Number>().Uint32Value();
  Result<Held> held = [&] {
    Objects& objects = TheObjects();
    std::lock_guard<std::mutex> lock(objects.mutex);
    return LoadFromMemory(objects, folder, name, info[4]);
  }();
  if (!held) return Throw(env, held.failure());
  if (held->object == nullptr) return env.Undefined();
  std::string path = held->memory->path;
  auto visible = std::make_unique<Visible>(held->memory);
  Napi::Value code = CodeOf(env, std::move(*held), symbol, size);
  auto external = code.IsTypedArray() ? Napi::External<Visible>::New(env, visible.get(),
                                                                      [](Napi::Env, Visible* visible) {
                                                                        Hide(visible);
                                                                        delete visible;
                                                                      })
                                      : Napi::External<Visible>();
  // A thread that is being ended makes no more objects.
  if (external.IsEmpty()) {
    Hide(visible.get());
    return env.Undefined();
  }
  visible.release();
  Napi::Object result = Napi::Object::New(env);
  result.Set("code", code);
  result.Set("path", path);
  result.Set("visible", external);
  return result;
}

void HideMemoryObject(const Napi::CallbackInfo& info) { Hide(info[0].As<Napi::External<Visible>>().Data()); }

}  // namespace

void InitObject(Napi::Env env, Napi::Object exports) {
  exports.Set("checkRoom", Napi::Function::New(env, CheckRoom));
  exports.Set("openObject", Napi::Function::New(env, OpenObject));
  exports.Set("openMemoryObject", Napi::Function::New(env, OpenMemoryObject));
  exports.Set("hideMemoryObject", Napi::Function::New(env, HideMemoryObject));
}

}  // namespace sonde
