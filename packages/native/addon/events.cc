// User events: tracepoints that a program registers with the kernel. The interface is described in
// the Linux kernel's documentation, trace/user_events; the structures below are those of
// linux/user_events.h, which older systems lack.
#include "events.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "fire.h"
#include "throw.h"

namespace sonde {
namespace {

struct UserReg {
  uint32_t size;
  uint8_t enable_bit;
  uint8_t enable_size;
  uint16_t flags;
  uint64_t enable_addr;
  uint64_t name_args;
  uint32_t write_index;
} __attribute__((packed));

struct UserUnreg {
  uint32_t size;
  uint8_t disable_bit;
  uint8_t reserved;
  uint16_t reserved2;
  uint64_t disable_addr;
} __attribute__((packed));

constexpr unsigned long kRegister = _IOWR('*', 0, UserReg*);     // DIAG_IOCSREG
constexpr unsigned long kUnregister = _IOW('*', 2, UserUnreg*);  // DIAG_IOCSUNREG

// What precedes the fields in a recorded event (struct trace_entry). Where a text lies is counted
// from there.
constexpr size_t kEntryHeader = 8;

// The length of a text, or of as many of its characters as fit into `limit` bytes.
size_t WholeCharacters(const char* text, size_t limit) {
  size_t length = strnlen(text, limit + 1);
  if (length <= limit) return length;
  length = limit;
  while (length > 0 && (text[length] & 0xc0) == 0x80) length--;
  return length;
}

size_t FieldSize(const Field& field) { return field.size == 0 ? sizeof(uint32_t) : field.size; }

uint64_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace

Result<std::shared_ptr<Events>> Events::Open(const std::string& path, const std::vector<std::string>& descriptions) {
  std::shared_ptr<Events> events(new Events());
  events->file_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (events->file_ < 0) return SystemFailure(path);
  // At least one, so that there is memory to look at.
  events->words_.reset(new uint32_t[descriptions.size() + 1]());
  for (const std::string& description : descriptions) {
    UserReg registration = {};
    registration.size = sizeof registration;
    registration.enable_size = sizeof(uint32_t);
    registration.enable_addr = Address(&events->words_[events->indexes_.size()]);
    registration.name_args = Address(description.c_str());
    if (ioctl(events->file_, kRegister, &registration) < 0) return SystemFailure(description);
    events->indexes_.push_back(registration.write_index);
  }
  return events;
}

bool Events::Fits(const std::vector<Field>& fields) {
  size_t size = 0;
  for (const Field& field : fields) size += FieldSize(field) + (field.size == 0 ? field.limit + 1 : 0);
  return fields.size() <= kMostArguments && size <= kLargestEvent;
}

void Events::Close() {
  if (file_ < 0) return;
  for (size_t i = 0; i < indexes_.size(); i++) {
    UserUnreg registration = {};
    registration.size = sizeof registration;
    registration.disable_addr = Address(&words_[i]);
    ioctl(file_, kUnregister, &registration);
  }
  // The kernel removes an event that nobody holds or traces any more.
  close(file_);
  file_ = -1;
}

Events::~Events() { Close(); }

void Events::Write(size_t event, const std::vector<Field>& fields, const uint64_t* slots) const {
  if (file_ < 0 || words_[event] == 0) return;
  // The event's index, the fields one after the other without gaps, and then the texts, each with
  // its NUL. In one piece: the kernel takes longer to gather pieces than we do.
  uint8_t record[sizeof(uint32_t) + kLargestEvent];
  uint8_t* const start = record + sizeof(uint32_t);
  memcpy(record, &indexes_[event], sizeof(uint32_t));
  uint8_t* to = start;
  uint8_t* text_to = start;
  for (const Field& field : fields) text_to += FieldSize(field);
  for (const Field& field : fields) {
    if (field.size > 0) {
      memcpy(to, &slots[field.slot], field.size);  // the low bytes: the machine is little-endian
    } else {
      const char* text = reinterpret_cast<const char*>(slots[field.slot]);
      size_t length = WholeCharacters(text, field.limit);
      uint32_t where = static_cast<uint32_t>((length + 1) << 16 | (text_to - start + kEntryHeader));  // __data_loc
      memcpy(to, &where, sizeof where);
      memcpy(text_to, text, length);
      text_to[length] = '\0';
      text_to += length + 1;
    }
    to += FieldSize(field);
  }
  // Nothing can be done about an event that is not taken (ENOENT: the tracer has just left; EBADF,
  // EFAULT).
  ssize_t written = write(file_, record, text_to - record);
  static_cast<void>(written);
}

namespace {

// The events that an external value of `openEvents` stands for.
std::shared_ptr<Events> GetEvents(Napi::Value external) {
  return *external.As<Napi::External<std::shared_ptr<Events>>>().Data();
}

Napi::Value OpenEvents(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path = info[0].As<Napi::String>();
  auto list = info[1].As<Napi::Array>();
  std::vector<std::string> descriptions;
  for (uint32_t i = 0; i < list.Length(); i++) {
    descriptions.push_back(list.Get(i).As<Napi::String>());
  }
  Result<std::shared_ptr<Events>> opened = Events::Open(path, descriptions);
  if (!opened) return Throw(env, opened.failure());
  std::shared_ptr<Events> events = *opened;
  size_t size = sizeof(uint32_t) * (events->count() + 1);
  // Both hold the events: whoever looks at the words, and whoever writes.
  auto* held = new std::shared_ptr<Events>(events);
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(
      env, events->words(), size, [](napi_env, void*, void* held) { delete static_cast<std::shared_ptr<Events>*>(held); },
      held, &buffer);
  if (status != napi_ok) {
    delete held;
    return Throw(env, {"the kernel's word for each event could not be made visible to JavaScript"});
  }
  auto writer = std::make_unique<std::shared_ptr<Events>>(events);
  auto external = Napi::External<std::shared_ptr<Events>>::New(
      env, writer.get(), [](Napi::Env, std::shared_ptr<Events>* held) { delete held; });
  // A thread that is being ended makes no more objects.
  if (external.IsEmpty()) return env.Undefined();
  writer.release();
  Napi::Object result = Napi::Object::New(env);
  result.Set("enabled", Napi::Uint8Array::New(env, size, Napi::ArrayBuffer(env, buffer), 0));
  result.Set("events", external);
  return result;
}

void CloseEvents(const Napi::CallbackInfo& info) { GetEvents(info[0])->Close(); }

}  // namespace

const char* EventWriter::Set(const Napi::CallbackInfo& info, size_t first, size_t slots) {
  events_ = GetEvents(info[first]);
  event_ = info[first + 1].As<Napi::Number>().Uint32Value();
  auto numbers = info[first + 2].As<Napi::Int32Array>();
  if (event_ >= events_->count()) return "no such event";
  for (size_t i = 0; i + 2 < numbers.ElementLength(); i += 3) {
    Field field = {static_cast<size_t>(numbers[i]), static_cast<size_t>(numbers[i + 1]), static_cast<size_t>(numbers[i + 2])};
    if (field.slot >= slots || field.size > sizeof(uint64_t) || field.limit > kLargestEvent) return "a field of no argument";
    fields_.push_back(field);
  }
  return Events::Fits(fields_) ? nullptr : "fields that do not fit";
}

void InitEvents(Napi::Env env, Napi::Object exports) {
  exports.Set("openEvents", Napi::Function::New(env, OpenEvents));
  exports.Set("closeEvents", Napi::Function::New(env, CloseEvents));
}

}  // namespace sonde
