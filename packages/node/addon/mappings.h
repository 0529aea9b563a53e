#pragma once
#include <cstdint>
#include <functional>

namespace sonde {

// A line of /proc/self/maps.
struct Mapping {
  uintptr_t start = 0;
  uintptr_t end = 0;
  char permissions[5] = "";  // `r-xp`
  unsigned long inode = 0;   // 0 where it is of no file

  bool IsWritable() const { return permissions[1] == 'w'; }
  bool IsReadableCodeOfFile() const { return permissions[0] == 'r' && permissions[2] == 'x' && inode != 0; }
};

// Calls `each` for one after the other, by their addresses, until it returns false. Returns whether
// they could be read.
bool ReadMappings(const std::function<bool(const Mapping&)>& each);

}  // namespace sonde
