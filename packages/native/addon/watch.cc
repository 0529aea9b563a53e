// Looks whether somebody traces.
#include "watch.h"

#include <dlfcn.h>
#include <uv.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "file-opens.h"
#include "throw.h"

namespace sonde {
namespace {

// In milliseconds. What is switched on when somebody traces is on within 100.
constexpr uint64_t kQuick = 50;
constexpr uint64_t kSlow = 1000;
// How long a tracer may take from reading the file to attaching.
constexpr uint64_t kQuickAfterOpen = 3000;
// How many quick looks there are at once after the file was opened, of which one comes back with
// each slow one. Each process that starts with the same provider opens the file as well; so where
// many do, looking costs no more than two slow looks a second.
constexpr int kMostCredit = 100;
// From then on the file is watched again.
constexpr int kEnoughCredit = 20;

// What is needed of libuv, looked up: runtimes that load addons for Node.js may have none.
struct Uv {
#define SONDE_UV(name) decltype(&uv_##name) name = reinterpret_cast<decltype(&uv_##name)>(dlsym(RTLD_DEFAULT, "uv_" #name))
  SONDE_UV(async_init);
  SONDE_UV(async_send);
  SONDE_UV(check_init);
  SONDE_UV(check_start);
  SONDE_UV(check_stop);
  SONDE_UV(close);
  SONDE_UV(now);
  SONDE_UV(poll_init);
  SONDE_UV(poll_start);
  SONDE_UV(poll_stop);
  SONDE_UV(timer_init);
  SONDE_UV(timer_start);
  SONDE_UV(timer_stop);
  SONDE_UV(unref);
#undef SONDE_UV

  bool IsWhole() const {
    return async_init && async_send && check_init && check_start && check_stop && close && now && poll_init && poll_start &&
           poll_stop && timer_init && timer_start && timer_stop && unref;
  }
};

const Uv& TheUv() {
  static const Uv uv;
  return uv;
}

template <typename Handle>
uv_handle_t* Base(Handle* handle) {
  return reinterpret_cast<uv_handle_t*>(handle);
}

// Of one thread. All but Wake is called there.
class Watcher final : public FileOpens::Listener {
 public:
  struct Place {
    const volatile uint8_t* byte;
    uint8_t untraced;
    bool is_traced;
  };

  Watcher(Napi::Env env, uv_loop_t* loop) : env_(env), loop_(loop) {
    const Uv& uv = TheUv();
    uv.timer_init(loop, &timer_);
    uv.check_init(loop, &check_);
    uv.async_init(loop, &opened_, [](uv_async_t* handle) { static_cast<Watcher*>(handle->data)->OnOpened(); });
    for (uv_handle_t* handle : {Base(&timer_), Base(&check_), Base(&opened_)}) {
      handle->data = this;
      uv.unref(handle);
    }
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void* self) { static_cast<Watcher*>(self)->End(); }, this, &cleanup_);
  }

  void Set(std::vector<Place> places, const std::vector<std::string>& files, Napi::Value held, Napi::Function changed) {
    // What has changed since the last look is still to be told.
    for (Place& place : places) {
      auto known = std::find_if(places_.begin(), places_.end(), [&](const Place& other) { return other.byte == place.byte; });
      if (known != places_.end()) place.is_traced = known->is_traced;
    }
    places_ = std::move(places);
    held_ = Napi::Persistent(held.As<Napi::Object>());
    changed_ = Napi::Persistent(changed);
    FileOpens::The().Watch(this, files);
    ReadFileOpens();
    if (places_.empty()) {
      TheUv().timer_stop(&timer_);
      TheUv().check_stop(&check_);
      interval_ = 0;
      return;
    }
    is_traced_ = std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.is_traced; });
    TheUv().check_start(&check_, [](uv_check_t* handle) { static_cast<Watcher*>(handle->data)->OnTurn(); });
    Schedule();
  }

  // Called by any thread.
  void Wake() override { TheUv().async_send(&opened_); }

 private:
  void OnTurn() {
    if (TheUv().now(loop_) - last_look_ >= kQuick) Look();
  }

  void OnTimer() {
    if (interval_ == kSlow) {
      credit_ = std::min(credit_ + 1, kMostCredit);
    } else if (!is_traced_) {
      credit_--;
    }
    // Nobody wakes this thread for it meanwhile, and others may not look quickly.
    if (poll_ != nullptr && !listens_ && credit_ > 0 && FileOpens::The().Read()) FileOpens::The().WakeAll();
    Schedule();
    Look();
  }

  void OnOpened() {
    if (credit_ > 0) quick_until_ = TheUv().now(loop_) + kQuickAfterOpen;
    // The thread that read it may have ended.
    ReadFileOpens();
    if (!places_.empty()) Schedule();
  }

  void Look() {
    last_look_ = TheUv().now(loop_);
    bool has_changed = false;
    is_traced_ = false;
    for (Place& place : places_) {
      bool is_traced = *place.byte != place.untraced;
      has_changed |= is_traced != place.is_traced;
      place.is_traced = is_traced;
      is_traced_ |= is_traced;
    }
    Schedule();
    if (!has_changed) return;
    Napi::HandleScope scope(env_);
    napi_value result;
    Napi::Function changed = changed_.Value();
    // Without a context of its own, of which a program's async_hooks would be told.
    napi_make_callback(env_, nullptr, env_.Global(), changed, 0, nullptr, &result);
    // Ours throws nothing: it is of what the program had waiting for the next turn.
    if (env_.IsExceptionPending()) napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
  }

  void Schedule() {
    const bool is_quick = is_traced_ || (credit_ > 0 && TheUv().now(loop_) < quick_until_);
    const uint64_t interval = is_quick ? kQuick : kSlow;
    if (interval != interval_) {
      interval_ = interval;
      TheUv().timer_start(
          &timer_, [](uv_timer_t* handle) { static_cast<Watcher*>(handle->data)->OnTimer(); }, interval, interval);
    }
    // While looks are quick, it is read at each of them; and where the file is opened too often, it
    // says nothing.
    const bool listens = poll_ != nullptr && !is_quick && credit_ >= kEnoughCredit;
    if (listens == listens_) return;
    listens_ = listens;
    if (listens) {
      TheUv().poll_start(poll_, UV_READABLE, [](uv_poll_t*, int, int) {
        if (FileOpens::The().Read()) FileOpens::The().WakeAll();
      });
    } else if (poll_ != nullptr) {
      TheUv().poll_stop(poll_);
    }
  }

  // One thread of the process reads what the kernel tells of files that were opened.
  void ReadFileOpens() {
    const int file = FileOpens::The().Reader(this);
    if (file >= 0 && poll_ == nullptr) {
      auto poll = std::make_unique<uv_poll_t>();
      if (TheUv().poll_init(loop_, poll.get(), file) != 0) return;
      poll_ = poll.release();
      TheUv().unref(Base(poll_));
    } else if (file < 0 && poll_ != nullptr) {
      TheUv().close(Base(poll_), [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
      poll_ = nullptr;
      listens_ = false;
    }
  }

  // The thread ends.
  void End() {
    held_.Reset();
    changed_.Reset();
    places_.clear();
    FileOpens::The().Watch(this, {});
    FileOpens::The().Forget(this);
    ReadFileOpens();
    for (uv_handle_t* handle : {Base(&timer_), Base(&check_), Base(&opened_)}) {
      TheUv().close(handle, [](uv_handle_t* handle) {
        auto* self = static_cast<Watcher*>(handle->data);
        if (--self->open_handles_ > 0) return;
        napi_remove_async_cleanup_hook(self->cleanup_);
        delete self;
      });
    }
  }

  Napi::Env env_;
  uv_loop_t* loop_;
  uv_timer_t timer_;
  uv_check_t check_;
  uv_async_t opened_;
  int open_handles_ = 3;
  // Of the files that are opened, where this thread reads that.
  uv_poll_t* poll_ = nullptr;
  bool listens_ = false;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;

  std::vector<Place> places_;
  // What the places are in.
  Napi::ObjectReference held_;
  Napi::FunctionReference changed_;

  bool is_traced_ = false;
  uint64_t last_look_ = 0;
  uint64_t quick_until_ = 0;
  // Of the timer; 0 while there is none.
  uint64_t interval_ = 0;
  int credit_ = kMostCredit;
};

// What `watch` of one thread has: made when it is called first.
struct Holder {
  Watcher* watcher = nullptr;
};

Napi::Value Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto* holder = static_cast<Holder*>(info.Data());
  if (holder->watcher == nullptr) {
    uv_loop_t* loop = nullptr;
    if (!TheUv().IsWhole() || napi_get_uv_event_loop(env, &loop) != napi_ok) {
      return Throw(env, {"this runtime's event loop is not libuv's"});
    }
    holder->watcher = new Watcher(env, loop);
  }
  std::vector<Watcher::Place> places;
  std::vector<std::string> files;
  auto list = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    auto entry = list.Get(i).As<Napi::Array>();
    auto code = entry.Get(0u).As<Napi::Uint8Array>();
    auto offsets = entry.Get(1u).As<Napi::Uint32Array>();
    const uint8_t untraced = static_cast<uint8_t>(entry.Get(2u).As<Napi::Number>().Uint32Value());
    std::string file = entry.Get(3u).As<Napi::String>();
    if (!file.empty()) files.push_back(std::move(file));
    for (size_t at = 0; at < offsets.ElementLength(); at++) {
      if (offsets[at] >= code.ByteLength()) return Throw(env, {"there is no such byte"});
      const volatile uint8_t* byte = code.Data() + offsets[at];
      places.push_back({byte, untraced, *byte != untraced});
    }
  }
  holder->watcher->Set(std::move(places), files, list, info[1].As<Napi::Function>());
  return env.Undefined();
}

}  // namespace

void InitWatch(Napi::Env env, Napi::Object exports) {
  auto* holder = new Holder();
  exports.Set("watch", Napi::Function::New(env, Watch, "watch", holder));
  env.AddCleanupHook([holder] { delete holder; });
}

}  // namespace sonde
