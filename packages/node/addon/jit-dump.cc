#include "jit-dump.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sonde {
namespace {

// In bytes: what is told at once when names come on is much.
constexpr size_t kMostWaiting = 1 << 20;

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
  // One of before, which is still there.
  Remove();
  std::string wrong = file_.Make(path);
  if (!wrong.empty()) return wrong;
  FileHeader header;
  header.pid = getpid();
  header.timestamp = Now();
  Put(&header, sizeof header);
  wrong = file_.Append(records_);
  records_.clear();
  // perf finds the file by this: it records what is mapped to be executed.
  void* marker = MAP_FAILED;
  if (wrong.empty()) {
    marker = mmap(nullptr, sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, file_.descriptor(), 0);
    if (marker == MAP_FAILED) wrong = path + ": " + strerror(errno);
  }
  if (!wrong.empty()) {
    Remove();
    return wrong;
  }
  marker_ = marker;
  index_ = 0;
  return "";
}

void JitDump::Load(uintptr_t start, size_t size, const std::string& name) {
  if (!IsOpen()) return;
  LoadRecord record{};
  record.header = {kLoad, static_cast<uint32_t>(sizeof record + name.size() + 1 + size), Now()};
  record.pid = getpid();
  record.tid = ThreadId();
  record.vma = record.address = start;
  record.size = size;
  record.index = index_++;
  Put(&record, sizeof record);
  Put(name.c_str(), name.size() + 1);
  Put(reinterpret_cast<const void*>(start), size);
  if (records_.size() > kMostWaiting) Flush();
}

void JitDump::Move(uintptr_t from, uintptr_t to, size_t size) {
  if (!IsOpen()) return;
  MoveRecord record{};
  record.header = {kMove, sizeof record, Now()};
  record.pid = getpid();
  record.tid = ThreadId();
  record.vma = record.to = to;
  record.from = from;
  record.size = size;
  record.index = index_++;
  Put(&record, sizeof record);
}

void JitDump::Flush() {
  if (!IsOpen() || records_.empty()) return;
  trouble_ = file_.IsLost() ? file_.WhyLost() : file_.Append(records_);
  records_.clear();
  if (!trouble_.empty()) Unmap();
}

void JitDump::Close() {
  if (!IsOpen()) return;
  RecordHeader record{kClose, sizeof record, Now()};
  Put(&record, sizeof record);
  Flush();
  Unmap();
}

void JitDump::Remove() {
  Unmap();
  records_.clear();
  trouble_.clear();
  file_.Remove();
}

void JitDump::Unmap() {
  if (marker_) munmap(marker_, sysconf(_SC_PAGESIZE));
  marker_ = nullptr;
}

}  // namespace sonde
