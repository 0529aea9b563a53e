#include "jit-dump.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sonde {
namespace {

struct FileHeader {
  uint32_t magic = 0x4A695444;  // "JiTD"
  uint32_t version = 1;
  uint32_t size = sizeof(FileHeader);
#if defined(__x86_64__)
  uint32_t machine = EM_X86_64;
#else
  uint32_t machine = EM_AARCH64;
#endif
  uint32_t pad = 0;
  uint32_t pid = 0;
  uint64_t timestamp = 0;
  uint64_t flags = 0;
};

enum RecordId : uint32_t { kLoad = 0, kMove = 1, kClose = 3 };

struct RecordHeader {
  uint32_t id;
  uint32_t size;
  uint64_t timestamp;
};

struct LoadRecord {
  RecordHeader header;
  uint32_t pid, tid;
  uint64_t vma, address, size, index;
};

struct MoveRecord {
  RecordHeader header;
  uint32_t pid, tid;
  uint64_t vma, from, to, size, index;
};

// The clock of `perf record -k CLOCK_MONOTONIC`.
uint64_t Now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t{1000000000} * time.tv_sec + time.tv_nsec;
}

uint32_t ThreadId() { return static_cast<uint32_t>(syscall(SYS_gettid)); }

}  // namespace

std::string JitDump::Open(const std::string& path) {
  unlink(path.c_str());
  int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) return path + ": " + strerror(errno);
  FileHeader header;
  header.pid = getpid();
  header.timestamp = Now();
  // perf finds the file by this: it records what is mapped to be executed.
  void* marker = write(file, &header, sizeof header) == sizeof header
                     ? mmap(nullptr, sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0)
                     : MAP_FAILED;
  if (marker == MAP_FAILED) {
    std::string wrong = path + ": " + strerror(errno);
    close(file);
    unlink(path.c_str());
    return wrong;
  }
  marker_ = marker;
  file_ = fdopen(file, "ab");
  index_ = 0;
  return "";
}

void JitDump::Load(uintptr_t start, size_t size, const std::string& name) {
  if (file_ == nullptr) return;
  LoadRecord record{};
  record.header = {kLoad, static_cast<uint32_t>(sizeof record + name.size() + 1 + size), Now()};
  record.pid = getpid();
  record.tid = ThreadId();
  record.vma = record.address = start;
  record.size = size;
  record.index = index_++;
  fwrite(&record, sizeof record, 1, file_);
  fwrite(name.c_str(), name.size() + 1, 1, file_);
  fwrite(reinterpret_cast<const void*>(start), size, 1, file_);
}

void JitDump::Move(uintptr_t from, uintptr_t to, size_t size) {
  if (file_ == nullptr) return;
  MoveRecord record{};
  record.header = {kMove, sizeof record, Now()};
  record.pid = getpid();
  record.tid = ThreadId();
  record.vma = record.to = to;
  record.from = from;
  record.size = size;
  record.index = index_++;
  fwrite(&record, sizeof record, 1, file_);
}

void JitDump::Flush() {
  if (file_ != nullptr) fflush(file_);
}

void JitDump::Close() {
  if (file_ == nullptr) return;
  RecordHeader record{kClose, sizeof record, Now()};
  fwrite(&record, sizeof record, 1, file_);
  fclose(file_);
  munmap(marker_, sysconf(_SC_PAGESIZE));
  file_ = nullptr;
}

}  // namespace sonde
