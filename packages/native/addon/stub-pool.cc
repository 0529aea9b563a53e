#include "stub-pool.h"

#include <deque>
#include <mutex>
#include <numeric>

// A stub does nothing and returns. On x86-64 it takes the return address off the stack first and
// puts it back afterwards: DTrace looks for the seventh argument and those behind it where the
// stack begins at the nop, since the probes that it knows are not called but lie in the middle of a
// function, right after the instructions that laid out the arguments. (fasttrap_anarg of illumos,
// FreeBSD and macOS; DTrace for Linux alike, where it was tried.)
#if defined(__APPLE__)
#define SECTION ".section __TEXT,__text,regular,pure_instructions\n"
#define SYMBOL "_sonde_stubs"
#define HIDDEN ".private_extern _sonde_stubs\n"
#else
#define SECTION ".text\n"
#define SYMBOL "sonde_stubs"
#define HIDDEN ".hidden sonde_stubs\n"
#endif

#if defined(__x86_64__)
#define STUB                                  \
  "  pop %rax\n  nop\n  push %rax\n  ret\n"   \
  "  .byte 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc\n"
#elif defined(__aarch64__)
#define STUB "  nop\n  ret\n  .long 0, 0\n"
#else
#error "sonde has stubs for x86-64 and arm64"
#endif

__asm__(SECTION HIDDEN ".globl " SYMBOL "\n.p2align 4\n" SYMBOL ":\n.rept 4096\n" STUB ".endr\n");

extern "C" const uint8_t sonde_stubs[];

namespace sonde {
namespace {

std::mutex mutex;

std::deque<uint32_t>& FreeStubs() {
  static std::deque<uint32_t>* stubs = [] {
    auto* all = new std::deque<uint32_t>(kStubCount);
    std::iota(all->begin(), all->end(), 0);
    return all;
  }();
  return *stubs;
}

}  // namespace

const uint8_t* StubPool() { return sonde_stubs; }

bool IsInPool(const uint8_t* code) { return code >= sonde_stubs && code < sonde_stubs + kStubCount * kStubDistance; }

std::vector<uint32_t> TakeStubs(size_t count) {
  std::lock_guard<std::mutex> lock(mutex);
  std::deque<uint32_t>& free = FreeStubs();
  if (count > free.size()) count = free.size();
  std::vector<uint32_t> taken(free.begin(), free.begin() + count);
  free.erase(free.begin(), free.begin() + count);
  return taken;
}

void GiveBackStubs(const std::vector<uint32_t>& stubs) {
  std::lock_guard<std::mutex> lock(mutex);
  FreeStubs().insert(FreeStubs().end(), stubs.begin(), stubs.end());
}

}  // namespace sonde
