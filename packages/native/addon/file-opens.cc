#include "file-opens.h"

#ifdef __linux__
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>
#endif

#include <algorithm>

namespace sonde {

// Never destroyed: threads may outlive main.
FileOpens& FileOpens::The() {
  static auto* opens = new FileOpens();
  return *opens;
}

int FileOpens::Reader(Listener* listener) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = listeners_.find(listener);
  if (reader_ == nullptr && instance_ >= 0 && found != listeners_.end() && !found->second.empty()) reader_ = listener;
  return reader_ == listener ? instance_ : -1;
}

void FileOpens::Watch(Listener* listener, const std::vector<std::string>& files) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> added;
  for (const std::string& file : files) {
    if (Add(file)) added.push_back(file);
  }
  std::vector<std::string>& own = listeners_[listener];
  for (const std::string& file : own) Remove(file);
  own = std::move(added);
  if (own.empty()) LetOthersRead(listener);
}

void FileOpens::Forget(Listener* listener) {
  std::lock_guard<std::mutex> lock(mutex_);
  listeners_.erase(listener);
  LetOthersRead(listener);
}

void FileOpens::LetOthersRead(Listener* listener) {
  if (reader_ != listener) return;
  reader_ = nullptr;
  for (auto& [other, files] : listeners_) {
    if (files.empty()) continue;
    // It becomes the reader when it wakes up.
    other->Wake();
    return;
  }
}

void FileOpens::WakeAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [listener, files] : listeners_) listener->Wake();
}

#ifdef __linux__

namespace {

// A user has 128 instances on most systems (fs.inotify.max_user_instances), and what else watches
// files needs some: editors, development servers, desktops. So a process takes one where it could
// have had so many more.
constexpr int kLeftForOthers = 8;

int OpenInstance() {
  int opened[kLeftForOthers + 1];
  int count = 0;
  while (count <= kLeftForOthers) {
    opened[count] = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (opened[count] < 0) break;
    count++;
  }
  const bool are_left = count > kLeftForOthers;
  for (int i = are_left ? 1 : 0; i < count; i++) close(opened[i]);
  return are_left ? opened[0] : -1;
}

}  // namespace

bool FileOpens::Add(const std::string& file) {
  auto found = watched_.find(file);
  if (found != watched_.end()) {
    found->second.listeners++;
    return true;
  }
  if (!was_opened_) instance_ = OpenInstance();
  was_opened_ = true;
  if (!IsOpen()) return false;
  int descriptor = inotify_add_watch(instance_, file.c_str(), IN_OPEN);
  if (descriptor < 0) return false;
  watched_[file] = {descriptor, 1};
  return true;
}

bool FileOpens::IsOpen() const {
  if (instance_ < 0) return false;
  char target[32];
  const std::string link = "/proc/self/fd/" + std::to_string(instance_);
  ssize_t length = readlink(link.c_str(), target, sizeof target);
  return std::string(target, std::max<ssize_t>(length, 0)) == "anon_inode:inotify";
}

void FileOpens::Remove(const std::string& file) {
  auto found = watched_.find(file);
  if (found == watched_.end() || --found->second.listeners > 0) return;
  if (IsOpen()) inotify_rm_watch(instance_, found->second.descriptor);
  watched_.erase(found);
}

bool FileOpens::Read() {
  alignas(inotify_event) char buffer[4096];
  bool is_opened = false;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!IsOpen()) return false;
  for (;;) {
    ssize_t size = read(instance_, buffer, sizeof buffer);
    if (size <= 0) return is_opened;
    for (char* at = buffer; at < buffer + size;) {
      auto* event = reinterpret_cast<inotify_event*>(at);
      is_opened |= (event->mask & (IN_OPEN | IN_Q_OVERFLOW)) != 0;
      at += sizeof *event + event->len;
    }
  }
}

#else

bool FileOpens::Add(const std::string&) { return false; }
void FileOpens::Remove(const std::string&) {}
bool FileOpens::Read() { return false; }

#endif

}  // namespace sonde
