// Tracers find a name by the address, in a text file of lines `address size name`. They read it
// when they print a stack, and know nothing of time: bcc sorts the lines, so one that is no longer
// true would hide or be hidden by another. So the table here holds no two pieces of code at one
// place, and the file is what the table is. New code is appended; where something is gone or has
// moved, the file is written again and renamed into place, as often as that takes no more than a
// twentieth of the time.
#include "code-map.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "jit-dump.h"
#include "made-file.h"

namespace sonde {
namespace code_map {
namespace {

using Clock = std::chrono::steady_clock;

// From a change to the file; and the least from one rewriting to the next.
constexpr auto kAppendAfter = std::chrono::milliseconds(20);
constexpr auto kRewriteAfter = std::chrono::milliseconds(200);
constexpr int kRestBetween = 20;  // times as long as the last rewriting took
// What failed, as on a full disk, is tried again.
constexpr auto kRetryAfter = std::chrono::seconds(2);

// From Leave to the end of the files.
constexpr auto kKeep = std::chrono::seconds(5);
// How long somebody may wait for what is being written; a disk may hang.
constexpr auto kMostWait = std::chrono::seconds(1);

// Of isolates that have ended, all together.
constexpr size_t kMostEnded = 20000;

struct Name {
  uint32_t id;
  CodeName parts;
  std::string text;
};

struct Code {
  size_t size;
  bool is_builtin;
  const void* isolate;
  std::shared_ptr<Name> name;
};

struct Copy {
  uintptr_t from;
  size_t size;
  uintptr_t to;
};

// Whether the files are there, and whether somebody tells of code. The writer's thread is there in
// the last two.
enum class Phase { kOff, kOn, kLeaving };

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable written;
  std::map<uintptr_t, Code> codes;
  std::unordered_map<std::string, std::weak_ptr<Name>> names;
  std::unordered_map<uint32_t, std::weak_ptr<Name>> names_by_id;
  std::deque<std::weak_ptr<Name>> new_names;
  std::set<const void*> ended;  // isolates
  std::unordered_map<const void*, Copy> copies;  // by isolate
  uint32_t next_id = 1;
  std::vector<std::pair<uintptr_t, uintptr_t>> own_text;  // what ELF symbols name

  Phase phase = Phase::kOff;
  pid_t process = 0;            // whose files these are: a process may fork without being another program
  bool has_writer = false;
  bool is_writing = false;      // without the lock; nobody else touches the file then
  MadeFile file;
  JitDump dump;
  std::vector<uintptr_t> appended;  // starts of what is not in the file yet
  bool stale = false;               // the file holds what is not true any more
  uint64_t asked = 0;               // how often somebody wanted to wait until all is written,
  uint64_t done = 0;                // and of how many that is so
  bool is_told = false;             // all is written, since nobody tells of code any more
  bool remove_at_exit = false;
  Clock::time_point remove_at;
  std::string trouble;              // why the file is not as it is to be
  bool is_lost = false;             // the file is somebody else's now
  uint64_t bytes = 0;
  uint64_t rewritten = 0;
};

State& state() {
  static State* state = new State();  // never destroyed: other threads may still run when the process ends
  return *state;
}

void ReadOwnText(State& s) {
  s.own_text.clear();
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        for (int i = 0; i < info->dlpi_phnum; i++) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X)) continue;
          uintptr_t start = info->dlpi_addr + segment.p_vaddr;
          static_cast<State*>(data)->own_text.emplace_back(start, start + segment.p_memsz);
        }
        return 0;
      },
      &s);
}

bool IsOwnText(const State& s, uintptr_t address) {
  return std::any_of(s.own_text.begin(), s.own_text.end(),
                     [&](auto& range) { return address >= range.first && address < range.second; });
}

// Where the isolate has its own copy of what lies at an address of the program's text; 0 where it
// has none.
uintptr_t InCopy(const State& s, const void* isolate, uintptr_t address) {
  auto found = s.copies.find(isolate);
  if (found == s.copies.end()) return 0;
  auto& [from, size, to] = found->second;
  return address >= from && address < from + size ? address - from + to : 0;
}

// Takes away what lies there.
void Clear(State& s, uintptr_t start, size_t size) {
  auto next = s.codes.lower_bound(start);
  if (next != s.codes.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second.size > start) next = before;
  }
  while (next != s.codes.end() && next->first < start + size) {
    next = s.codes.erase(next);
    s.stale = true;
  }
}

void Put(State& s, uintptr_t start, Code code) {
  // V8 tells of functions that are not compiled yet, too, and says that their code is the builtin
  // which will compile them.
  auto there = s.codes.find(start);
  if (there != s.codes.end() && there->second.is_builtin && !code.is_builtin) return;
  Clear(s, start, code.size);
  s.codes.emplace(start, std::move(code));
  // While the file cannot be written anew it does not grow either.
  if (s.trouble.empty()) s.appended.push_back(start);
  else s.stale = true;
  s.changed.notify_one();
}

void Erase(State& s, const std::set<const void*>& isolates) {
  for (auto it = s.codes.begin(); it != s.codes.end();) {
    if (isolates.count(it->second.isolate)) {
      it = s.codes.erase(it);
      s.stale = true;
    } else {
      ++it;
    }
  }
  if (s.stale) s.changed.notify_one();
}

std::shared_ptr<Name> Intern(State& s, std::string_view raw, bool is_wasm) {
  CodeName parts = ReadName(raw, is_wasm);
  std::string key = parts.Text() + ":" + std::to_string(parts.column);
  auto& known = s.names[key];
  if (auto name = known.lock()) return name;
  auto name = std::make_shared<Name>(Name{s.next_id++, parts, parts.Text()});
  known = name;
  // Node.js's own files, and what is no file, have no source map.
  if (!parts.script.empty() && parts.script[0] == '/') {
    s.names_by_id[name->id] = name;
    s.new_names.push_back(name);
  }
  return name;
}

void AppendLine(std::string& text, uintptr_t start, const Code& code) {
  char place[48];
  snprintf(place, sizeof place, "%zx %zx ", static_cast<size_t>(start), code.size);
  text += place;
  text += code.name->text;
  text += '\n';
}

// Names and ids that no code has any more.
void DropNames(State& s) {
  for (auto it = s.names.begin(); it != s.names.end();) it = it->second.expired() ? s.names.erase(it) : std::next(it);
  for (auto it = s.names_by_id.begin(); it != s.names_by_id.end();) {
    it = it->second.expired() ? s.names_by_id.erase(it) : std::next(it);
  }
  s.new_names.erase(std::remove_if(s.new_names.begin(), s.new_names.end(), [](auto& name) { return name.expired(); }), s.new_names.end());
}

void DropAll(State& s) {
  s.codes.clear();
  s.names.clear();
  s.names_by_id.clear();
  s.new_names.clear();
  s.ended.clear();
  s.copies.clear();
  s.appended.clear();
}

// Writes without the lock, since V8 tells of code meanwhile.
template <typename Writing>
void Write(State& s, std::unique_lock<std::mutex>& lock, Writing writing) {
  s.is_writing = true;
  lock.unlock();
  std::string wrong = writing();
  uint64_t bytes = s.file.size();
  lock.lock();
  s.is_writing = false;
  s.bytes = bytes;
  s.trouble = std::move(wrong);
  if (!s.trouble.empty()) s.stale = true;
}

void Append(State& s, std::unique_lock<std::mutex>& lock) {
  std::string text;
  for (uintptr_t start : s.appended) {
    auto found = s.codes.find(start);
    if (found != s.codes.end()) AppendLine(text, start, found->second);
  }
  s.appended.clear();
  Write(s, lock, [&] { return s.file.Append(text); });
}

void Rewrite(State& s, std::unique_lock<std::mutex>& lock) {
  std::string text;
  text.reserve(s.codes.size() * 80);
  for (auto& [start, code] : s.codes) AppendLine(text, start, code);
  s.appended.clear();
  s.stale = false;
  DropNames(s);
  Write(s, lock, [&] { return s.file.Replace(text); });
  if (s.trouble.empty()) s.rewritten++;
}

// Makes the map what the table is, or brings it nearer to that. Returns when it may be written anew
// next.
Clock::time_point Update(State& s, std::unique_lock<std::mutex>& lock, bool must, Clock::time_point rewrite_at) {
  if (s.is_lost) return rewrite_at;
  if (s.file.IsLost()) {
    s.is_lost = true;
    s.trouble = s.file.WhyLost();
    return rewrite_at;
  }
  if (s.file.IsGone()) s.stale = true;
  if (s.stale && (must || Clock::now() >= rewrite_at)) {
    auto began = Clock::now();
    Rewrite(s, lock);
    auto now = Clock::now();
    return now + std::max<Clock::duration>(s.trouble.empty() ? kRewriteAfter : kRetryAfter, (now - began) * kRestBetween);
  }
  if (!s.appended.empty()) Append(s, lock);
  return rewrite_at;
}

void Remove(State& s) {
  s.file.Remove();
  s.dump.Remove();
  s.phase = Phase::kOff;
}

// The writer's thread, until the files are removed.
void* KeepWritten(void*) {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  Clock::time_point rewrite_at = Clock::now();
  auto is_urgent = [&] { return s.asked != s.done || s.phase == Phase::kOff || (s.phase == Phase::kLeaving && !s.is_told); };
  auto has_lines = [&] { return !s.appended.empty() && !s.is_lost; };
  while (s.phase != Phase::kOff) {
    if (s.phase == Phase::kLeaving && s.is_told) {
      auto is_on_again = [&] { return s.phase != Phase::kLeaving || !s.is_told; };
      if (!s.changed.wait_until(lock, s.remove_at, is_on_again)) Remove(s);
      continue;
    }
    s.changed.wait(lock, [&] { return is_urgent() || has_lines() || (s.stale && !s.is_lost); });
    // What comes at once is written at once.
    s.changed.wait_for(lock, kAppendAfter, is_urgent);
    if (s.phase == Phase::kOff) break;
    bool is_leaving = s.phase == Phase::kLeaving;
    uint64_t asked = s.asked;
    s.dump.Flush();
    rewrite_at = Update(s, lock, is_urgent(), rewrite_at);
    s.done = asked;
    if (is_leaving && s.phase == Phase::kLeaving) {
      s.dump.Close();
      DropAll(s);
      s.is_told = true;
    }
    s.written.notify_all();
    if (s.stale && !has_lines()) s.changed.wait_until(lock, rewrite_at, [&] { return is_urgent() || has_lines(); });
  }
  s.has_writer = false;
  s.written.notify_all();
  return nullptr;
}

void WhenExiting() {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  if (s.process != getpid()) return;
  uint64_t asked = s.phase == Phase::kOn ? ++s.asked : s.asked;
  s.changed.notify_one();
  s.written.wait_for(lock, kMostWait, [&] { return s.phase == Phase::kOff || (s.done >= asked && !s.is_writing); });
  if (s.phase == Phase::kLeaving && s.remove_at_exit && !s.is_writing) Remove(s);
}

// What runs in a thread of ours, or when the process ends, must stay where it is also when the last
// thread of JavaScript that has this addon ends.
bool StayLoaded() {
  static const bool stays = [] {
    Dl_info info;
    return dladdr(reinterpret_cast<void*>(&KeepWritten), &info) != 0 &&
           dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) != nullptr && atexit(WhenExiting) == 0;
  }();
  return stays;
}

std::string StartWriter(State& s) {
  if (s.has_writer) return "";
  if (!StayLoaded()) return "the addon cannot be kept in memory";
  // The program's signals are for its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Not std::thread, which throws where no thread can be had, and nothing here catches.
  pthread_t writer;
  int error = pthread_create(&writer, nullptr, KeepWritten, nullptr);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return std::string("no thread can be had that writes the map: ") + strerror(error);
  pthread_detach(writer);
  s.has_writer = true;
  return "";
}

std::string OpenMap(State& s, const std::string& map) {
  DropAll(s);
  if (s.phase == Phase::kLeaving) {
    // The file of before is still there.
    s.stale = true;
  } else {
    std::string wrong = s.file.Make(map);
    if (wrong.empty()) wrong = StartWriter(s);
    if (!wrong.empty()) {
      s.file.Remove();
      return wrong;
    }
    s.bytes = 0;
    s.stale = s.is_lost = false;
    s.trouble.clear();
  }
  s.phase = Phase::kOn;
  s.process = getpid();
  s.is_told = false;
  ReadOwnText(s);
  s.changed.notify_one();
  return "";
}

void Leave(bool remove_at_exit) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  if (s.phase != Phase::kOn) return;
  s.phase = Phase::kLeaving;
  s.remove_at = Clock::now() + kKeep;
  s.remove_at_exit = remove_at_exit;
  s.changed.notify_one();
}

}  // namespace

std::string Open(const std::string& map, const std::string& dump) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  if (s.phase == Phase::kOn && s.is_lost) return s.trouble;
  if (s.phase != Phase::kOn) {
    if (s.is_lost) Remove(s);
    std::string wrong = OpenMap(s, map);
    if (!wrong.empty()) return wrong;
  }
  if (!dump.empty() && !s.dump.IsOpen()) return s.dump.Open(dump);
  return "";
}

void Leave() { Leave(true); }

void LeaveAtEnd() {
  Leave(false);
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  s.written.wait_for(lock, kMostWait, [&] { return s.phase != Phase::kLeaving || s.is_told; });
}

void RemoveFiles() {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  bool is_idle = s.written.wait_for(lock, kMostWait, [&] { return !s.is_writing; });
  if (s.phase != Phase::kLeaving) return;
  s.remove_at = Clock::now();
  if (is_idle) {
    Remove(s);
    DropAll(s);
  }
  s.changed.notify_one();
}

void Forget(const void* isolate) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.ended.erase(isolate);
  s.copies.erase(isolate);
  Erase(s, {isolate});
}

void End(const void* isolate) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.ended.insert(isolate);
  s.copies.erase(isolate);
  std::set<const void*> with_code;
  size_t count = 0;
  for (auto& [start, code] : s.codes) {
    if (!s.ended.count(code.isolate)) continue;
    with_code.insert(code.isolate);
    count++;
  }
  s.ended = std::move(with_code);
  if (count > kMostEnded) Erase(s, std::exchange(s.ended, {}));
}

void Copied(const void* isolate, const void* from, size_t size, const void* to) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  s.copies[isolate] = {reinterpret_cast<uintptr_t>(from), size, reinterpret_cast<uintptr_t>(to)};
}

void Add(const void* isolate, const void* start, size_t size, std::string_view name, bool is_wasm) {
  State& s = state();
  uintptr_t address = reinterpret_cast<uintptr_t>(start);
  std::lock_guard<std::mutex> lock(s.mutex);
  if (s.phase != Phase::kOn || size == 0) return;
  if (IsOwnText(s, address)) {
    // Functions that are not compiled yet are told to be at a builtin, here too.
    address = ReadName(name, is_wasm).IsBuiltin() ? InCopy(s, isolate, address) : 0;
    if (address == 0) return;
  }
  auto interned = Intern(s, name, is_wasm);
  Code code{size, interned->parts.IsBuiltin(), isolate, interned};
  s.dump.Load(address, size, code.name->text);
  Put(s, address, std::move(code));
}

void Move(const void* from, const void* to) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  auto found = s.codes.find(reinterpret_cast<uintptr_t>(from));
  if (found == s.codes.end()) return;  // bytecode
  Code code = std::move(found->second);
  s.codes.erase(found);
  s.stale = true;
  s.dump.Move(reinterpret_cast<uintptr_t>(from), reinterpret_cast<uintptr_t>(to), code.size);
  Put(s, reinterpret_cast<uintptr_t>(to), std::move(code));
}

std::vector<std::pair<uint32_t, CodeName>> NewNames(size_t most) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  std::vector<std::pair<uint32_t, CodeName>> names;
  while (names.size() < most && !s.new_names.empty()) {
    if (auto name = s.new_names.front().lock()) names.emplace_back(name->id, name->parts);
    s.new_names.pop_front();
  }
  return names;
}

void Rename(uint32_t id, const std::string& script, int line) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  auto found = s.names_by_id.find(id);
  auto name = found == s.names_by_id.end() ? nullptr : found->second.lock();
  if (!name) return;
  name->text = CodeName{name->parts.function, script, line, 0}.Text();
  s.stale = true;
  s.changed.notify_one();
}

Size Measure(const void* isolate) {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  size_t entries = 0;
  for (auto& [start, code] : s.codes) entries += code.isolate == isolate;
  std::string trouble = s.trouble;
  if (!s.dump.trouble().empty()) trouble += (trouble.empty() ? "" : "; ") + s.dump.trouble();
  return {entries, s.codes.size(), s.bytes, s.rewritten, trouble, s.is_lost};
}

void Flush() {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  if (s.phase != Phase::kOn) return;
  uint64_t asked = ++s.asked;
  s.changed.notify_one();
  s.written.wait(lock, [&] { return s.done >= asked || s.phase == Phase::kOff; });
}

}  // namespace code_map
}  // namespace sonde
