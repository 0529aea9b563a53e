#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sonde {

// Stubs that are compiled into the addon, for systems where code cannot be made at run time, or is
// not found there. Each is `kStubDistance` bytes from the next; its nop, which tracers replace,
// lies `kNopOffset` bytes behind its start.
constexpr size_t kStubCount = 4096;
constexpr size_t kStubDistance = 16;
#if defined(__x86_64__)
constexpr size_t kNopOffset = 1;
constexpr uint8_t kUntracedByte = 0x90;
#else
constexpr size_t kNopOffset = 0;
constexpr uint8_t kUntracedByte = 0x1f;
#endif

// The first of them.
const uint8_t* StubPool();
bool IsInPool(const uint8_t* code);

// Takes stubs that nobody has, by their numbers; fewer when there are not as many. Those that were
// given back last come last: fasttrap of macOS and illumos confuses a new probe with an old one at
// the same place.
std::vector<uint32_t> TakeStubs(size_t count);
void GiveBackStubs(const std::vector<uint32_t>& stubs);

}  // namespace sonde
