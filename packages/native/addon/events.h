#pragma once
#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "result.h"

namespace sonde {

constexpr size_t kLargestEvent = 4032;  // LARGEST_EVENT in packages/ebpf

// One field of an event: which argument it holds, and how many bytes of it. 0 is a text, whose
// argument is its address: the event holds at most `limit` bytes of it, whole characters, and a
// NUL.
struct Field {
  size_t slot;
  size_t size;
  size_t limit;
};

// User events of one provider and thread: registered with the kernel, which sets the lowest bit of
// an event's word while somebody traces it. The words stay as long as this object, the registration
// until Close.
class Events {
 public:
  // Opens the kernel's file, and for each event's description registers it.
  static Result<std::shared_ptr<Events>> Open(const std::string& path, const std::vector<std::string>& descriptions);
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Whether an event can have these fields, with texts as long as they may be.
  static bool Fits(const std::vector<Field>& fields);
  // Withdraws the events; what is written later goes nowhere.
  void Close();
  // Writes one event, whose fields fit, while somebody traces it, without waiting. `slots` are the
  // arguments, integers or addresses of texts, 64 bits each.
  void Write(size_t event, const std::vector<Field>& fields, const uint64_t* slots) const;

  size_t count() const { return indexes_.size(); }
  uint8_t* words() const { return reinterpret_cast<uint8_t*>(words_.get()); }

 private:
  Events() = default;

  int file_ = -1;
  std::unique_ptr<uint32_t[]> words_;
  std::vector<uint32_t> indexes_;
};

// One of them, with the fields that are written.
class EventWriter {
 public:
  // Takes them from a call's arguments from `first` on, as makeProbe has them (fire.h), for a probe
  // with `slots` C arguments. What is wrong with them, or null.
  const char* Set(const Napi::CallbackInfo& info, size_t first, size_t slots);
  void Write(const uint64_t* slots) const { events_->Write(event_, fields_, slots); }

 private:
  std::shared_ptr<Events> events_;
  size_t event_ = 0;
  std::vector<Field> fields_;
};

// Adds
//   openEvents(path: string, descriptions: string[]): { events: External, enabled: Uint8Array }
// which registers user events with the kernel; `enabled` has four bytes for each, of which the
// first is 1 while somebody traces it, else 0. Throws an Error with the `errno` of what failed.
//   closeEvents(events: External): void
// which withdraws them; `enabled` stays readable. Happens by itself when nothing holds them any
// more.
void InitEvents(Napi::Env env, Napi::Object exports);

}  // namespace sonde
