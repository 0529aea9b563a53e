#include "made-file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sonde {
namespace {

// How often it is tried where other processes make and remove files of this name meanwhile.
constexpr int kTries = 16;
// Whoever traces is this user or root.
constexpr mode_t kMode = 0600;
constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

std::string Failed(const std::string& path) { return path + ": " + strerror(errno); }

bool IsSame(const struct stat& one, const struct stat& other) { return one.st_dev == other.st_dev && one.st_ino == other.st_ino; }

bool IsThere(const std::string& path, const struct stat& file) {
  struct stat there;
  return lstat(path.c_str(), &there) == 0 && IsSame(there, file);
}

int64_t Nanoseconds(const timespec& time) { return int64_t{1000000000} * time.tv_sec + time.tv_nsec; }

// When this process began, by the clock of files, or up to 10 ms before that; 0 where it cannot be
// told.
int64_t Began() {
  FILE* file = fopen("/proc/self/stat", "re");
  if (!file) return 0;
  char line[1024];
  size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = '\0';
  // The 22nd field, in ticks since the system began. The second is a name in parentheses, which may
  // hold anything.
  char* field = strrchr(line, ')');
  for (int i = 2; field && i < 22; i++) field = strchr(field + 1, ' ');
  if (!field) return 0;
  timespec now, up;
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &up);
  return Nanoseconds(now) - Nanoseconds(up) + strtoll(field, nullptr, 10) * (1000000000 / sysconf(_SC_CLK_TCK));
}

bool IsWrittenByUs(const struct stat& wanted) {
  DIR* folder = opendir("/proc/self/fd");
  if (!folder) return false;
  bool is_written = false;
  while (dirent* entry = readdir(folder)) {
    int file = atoi(entry->d_name);
    struct stat status;
    if (entry->d_name[0] == '.' || fstat(file, &status) != 0 || !IsSame(status, wanted)) continue;
    if ((fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY) is_written = true;
  }
  closedir(folder);
  return is_written;
}

// What speaks against replacing a file, empty where nothing does. Only the kernel knows whether a
// process of another PID namespace has it open: it gives no lease of a file that somebody has open
// to write.
std::string WhyNot(const std::string& path, int file, const struct stat& status) {
  // What the kernel would send if somebody opened it just now: a signal that does nothing unless a
  // program has a handler for it.
  fcntl(file, F_SETSIG, SIGURG);
  if (fcntl(file, F_SETLEASE, F_RDLCK) == 0) {
    fcntl(file, F_SETLEASE, F_UNLCK);
    if (Nanoseconds(status.st_mtim) < Began()) return "";
    return path + " was written since this process began, and not by sonde: remove it if nobody needs it";
  }
  if (errno != EAGAIN) return path + " is there, and may be in use (" + strerror(errno) + "): remove it if nobody needs it";
  if (IsWrittenByUs(status)) {
    return path + " is written by this process already, as with --perf-basic-prof or --perf-prof: what is in it is V8's, and left alone";
  }
  return path + " is written by another process, which has the number " + std::to_string(getpid()) +
         ", too, in another PID namespace, and the same " + path.substr(0, path.rfind('/'));
}

// Removes what a dead process left. Of several that want to, one does: who has locked it, and found
// it in its place after that.
std::string RemoveLeft(const std::string& path) {
  struct stat before;
  if (lstat(path.c_str(), &before) != 0) return "";
  if (!S_ISREG(before.st_mode)) return path + " is there, and is no regular file: remove it";
  if (before.st_uid != geteuid()) {
    return path + " is there, and belongs to user " + std::to_string(before.st_uid) + ", which this process is not: remove it";
  }
  int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) return errno == ENOENT ? "" : Failed(path);
  std::string wrong;
  struct stat status;
  if (flock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &status) == 0 && IsSame(status, before) && IsThere(path, status)) {
    wrong = WhyNot(path, file, status);
    if (wrong.empty() && unlink(path.c_str()) != 0 && errno != ENOENT) wrong = Failed(path);
  }
  close(file);
  return wrong;
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(written);
  }
  return true;
}

}  // namespace

std::string MadeFile::Make(const std::string& path) {
  for (int i = 0; i < kTries; i++) {
    int file = open(path.c_str(), kFlags, kMode);
    if (file >= 0) return Own(path, file);
    if (errno != EEXIST) return Failed(path);
    std::string wrong = RemoveLeft(path);
    if (!wrong.empty()) return wrong;
  }
  return path + " comes and goes: other processes make it and remove it";
}

std::string MadeFile::Own(const std::string& path, int file) {
  // Whatever the umask is, and the folder's access control list.
  if (fchmod(file, kMode) != 0) {
    std::string wrong = Failed(path);
    unlink(path.c_str());
    close(file);
    return wrong;
  }
  path_ = path;
  file_ = file;
  size_ = 0;
  is_lost_ = false;
  return "";
}

std::string MadeFile::Append(std::string_view text) {
  if (WriteAll(file_, text)) {
    size_ += text.size();
    return "";
  }
  std::string wrong = Failed(path_);
  // What a full disk took of it would end in the middle of a line.
  if (ftruncate(file_, size_) != 0) is_lost_ = true;
  return wrong;
}

std::string MadeFile::Replace(std::string_view text) {
  // A name that nobody can know before, and so nobody can have taken.
  std::string temporary = path_ + ".XXXXXX";
  int file = mkostemp(temporary.data(), O_APPEND | O_CLOEXEC);
  if (file < 0) return Failed(path_);
  std::string wrong;
  if (fchmod(file, kMode) != 0 || !WriteAll(file, text) || !Name(temporary)) wrong = Failed(path_);
  if (!wrong.empty()) {
    unlink(temporary.c_str());
    close(file);
    return wrong;
  }
  close(file_);
  file_ = file;
  size_ = text.size();
  return "";
}

// Gives what has this name ours, which it loses.
bool MadeFile::Name(const std::string& temporary) {
  if (!IsGone()) return rename(temporary.c_str(), path_.c_str()) == 0;
  // Somebody else may make one just now.
  return link(temporary.c_str(), path_.c_str()) == 0 && unlink(temporary.c_str()) == 0;
}

// Why lstat failed is not asked: with the compiler that prebuilt addons are made by, it does not
// set errno.
bool MadeFile::IsGone() {
  struct stat status;
  return lstat(path_.c_str(), &status) != 0;
}

bool MadeFile::IsLost() {
  struct stat own, there;
  if (file_ >= 0 && !is_lost_ && fstat(file_, &own) == 0 && lstat(path_.c_str(), &there) == 0) {
    is_lost_ = !IsSame(own, there) || static_cast<uint64_t>(own.st_size) != size_;
  }
  return is_lost_;
}

std::string MadeFile::WhyLost() const {
  return path_ + " is not ours any more: somebody else writes it, as V8 does in new threads when flags are set that ask for it";
}

void MadeFile::Close() {
  if (file_ >= 0) close(file_);
  file_ = -1;
}

void MadeFile::Remove() {
  if (file_ >= 0 && !IsLost()) unlink(path_.c_str());
  Close();
}

}  // namespace sonde
