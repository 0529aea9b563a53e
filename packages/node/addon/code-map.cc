// Tracers find a name by the address, in a text file of lines `address size name`. They read it when they print a stack, and know
// nothing of time: bcc sorts the lines, so one that is no longer true would hide or be hidden by another. So the table here holds no two
// pieces of code at one place, and the file is what the table is. New code is appended; where something is gone or has moved, the file is
// written again and renamed into place, as often as that takes no more than a twentieth of the time.
#include "code-map.h"

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "jit-dump.h"

namespace sonde {
namespace code_map {
namespace {

using Clock = std::chrono::steady_clock;

// From a change to the file; and the least from one rewriting to the next.
constexpr auto kAppendAfter = std::chrono::milliseconds(20);
constexpr auto kRewriteAfter = std::chrono::milliseconds(200);
constexpr int kRestBetween = 20;  // times as long as the last rewriting took

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

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable written;
  std::map<uintptr_t, Code> codes;
  std::unordered_map<std::string, std::weak_ptr<Name>> names;
  std::unordered_map<uint32_t, std::weak_ptr<Name>> names_by_id;
  std::deque<std::pair<uint32_t, CodeName>> new_names;
  std::set<const void*> ended;  // isolates
  std::unordered_map<const void*, Copy> copies;  // by isolate
  uint32_t next_id = 1;
  std::vector<std::pair<uintptr_t, uintptr_t>> own_text;  // what ELF symbols name

  std::string path;
  int file = -1;
  JitDump dump;
  pthread_t writer;
  bool closing = false;
  std::vector<uintptr_t> appended;  // starts of what is not in the file yet
  bool stale = false;               // the file holds what is not true any more
  uint64_t bytes = 0;
  uint64_t rewritten = 0;
  bool flush = false;
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

// Where the isolate has its own copy of what lies at an address of the program's text; 0 where it has none.
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
  // V8 tells of functions that are not compiled yet, too, and says that their code is the builtin which will compile them.
  auto there = s.codes.find(start);
  if (there != s.codes.end() && there->second.is_builtin && !code.is_builtin) return;
  Clear(s, start, code.size);
  s.codes.emplace(start, std::move(code));
  s.appended.push_back(start);
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
    s.new_names.emplace_back(name->id, std::move(parts));
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

bool Write(int file, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    ssize_t written = write(file, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += written;
  }
  return true;
}

// /tmp belongs to everybody: nothing that lies there is opened, and nobody else may write what we make.
int Create(const std::string& path) {
  unlink(path.c_str());
  return open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

// Names and ids that no code has any more.
void DropNames(State& s) {
  for (auto it = s.names.begin(); it != s.names.end();) it = it->second.expired() ? s.names.erase(it) : std::next(it);
  for (auto it = s.names_by_id.begin(); it != s.names_by_id.end();) {
    it = it->second.expired() ? s.names_by_id.erase(it) : std::next(it);
  }
}

void Append(State& s, std::unique_lock<std::mutex>& lock) {
  std::string text;
  for (uintptr_t start : s.appended) {
    auto found = s.codes.find(start);
    if (found != s.codes.end()) AppendLine(text, start, found->second);
  }
  s.appended.clear();
  int file = s.file;
  lock.unlock();
  bool whole = Write(file, text);
  lock.lock();
  s.bytes += text.size();
  if (!whole) s.stale = true;
}

void Rewrite(State& s, std::unique_lock<std::mutex>& lock) {
  std::string text;
  text.reserve(s.codes.size() * 80);
  for (auto& [start, code] : s.codes) AppendLine(text, start, code);
  s.appended.clear();
  s.stale = false;
  DropNames(s);
  std::string path = s.path, temporary = s.path + ".new";
  lock.unlock();
  int file = Create(temporary);
  bool whole = file >= 0 && Write(file, text) && rename(temporary.c_str(), path.c_str()) == 0;
  if (!whole) {
    if (file >= 0) close(file);
    unlink(temporary.c_str());
  }
  lock.lock();
  if (!whole) {  // a full disk: it is tried again
    s.stale = true;
    return;
  }
  close(s.file);
  s.file = file;
  s.bytes = text.size();
  s.rewritten++;
}

void* KeepWritten(void*) {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  Clock::time_point rewrite_at = Clock::now();
  while (true) {
    s.changed.wait(lock, [&] { return s.closing || s.stale || s.flush || !s.appended.empty(); });
    // What comes at once is written at once.
    if (!s.closing && !s.flush) s.changed.wait_for(lock, kAppendAfter, [&] { return s.closing || s.flush; });
    s.dump.Flush();
    bool must = s.closing || s.flush;
    if (s.stale && (must || Clock::now() >= rewrite_at)) {
      auto began = Clock::now();
      Rewrite(s, lock);
      rewrite_at = Clock::now() + std::max<Clock::duration>(kRewriteAfter, (Clock::now() - began) * kRestBetween);
    } else if (!s.appended.empty()) {
      Append(s, lock);
    } else if (s.stale && !must) {
      s.changed.wait_until(lock, rewrite_at, [&] { return s.closing || s.flush || !s.appended.empty(); });
      continue;
    }
    if (s.flush) {
      s.flush = false;
      s.written.notify_all();
    }
    if (s.closing) return nullptr;
  }
}

std::string OpenMap(State& s, const std::string& map) {
  s.file = Create(map);
  if (s.file < 0) return map + ": " + strerror(errno);
  s.path = map;
  s.bytes = 0;
  s.closing = s.stale = s.flush = false;
  s.appended.clear();
  ReadOwnText(s);
  // Not std::thread, which throws where no thread can be had, and nothing here catches.
  int error = pthread_create(&s.writer, nullptr, KeepWritten, nullptr);
  if (error == 0) return "";
  close(s.file);
  s.file = -1;
  unlink(map.c_str());
  return "no thread can be had that writes " + map + ": " + strerror(error);
}

}  // namespace

std::string Open(const std::string& map, const std::string& dump) {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  if (s.file < 0) {
    std::string wrong = OpenMap(s, map);
    if (!wrong.empty()) return wrong;
  }
  if (!dump.empty() && !s.dump.IsOpen()) {
    std::string wrong = s.dump.Open(dump);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

void Close() {
  State& s = state();
  {
    std::lock_guard<std::mutex> lock(s.mutex);
    if (s.file < 0) return;
    s.closing = true;
    s.changed.notify_one();
  }
  pthread_join(s.writer, nullptr);
  std::lock_guard<std::mutex> lock(s.mutex);
  close(s.file);
  s.file = -1;
  s.dump.Close();
  s.codes.clear();
  s.names.clear();
  s.names_by_id.clear();
  s.new_names.clear();
  s.ended.clear();
  s.copies.clear();
}

bool IsOpen() {
  State& s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  return s.file >= 0;
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
  size_t count = 0;
  for (auto& [start, code] : s.codes) count += s.ended.count(code.isolate);
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
  if (s.file < 0 || size == 0) return;
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
  auto end = s.new_names.begin() + std::min(most, s.new_names.size());
  std::vector<std::pair<uint32_t, CodeName>> names(std::make_move_iterator(s.new_names.begin()), std::make_move_iterator(end));
  s.new_names.erase(s.new_names.begin(), end);
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
  return {entries, s.codes.size(), s.bytes, s.rewritten};
}

void Flush() {
  State& s = state();
  std::unique_lock<std::mutex> lock(s.mutex);
  if (s.file < 0 || s.closing) return;
  s.flush = true;
  s.changed.notify_one();
  s.written.wait(lock, [&] { return !s.flush || s.closing; });
}

}  // namespace code_map
}  // namespace sonde
