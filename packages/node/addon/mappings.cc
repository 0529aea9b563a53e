#include "mappings.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace sonde {

bool ReadMappings(const std::function<bool(const Mapping&)>& each) {
  FILE* maps = fopen("/proc/self/maps", "re");
  if (!maps) return false;
  // A path may be longer: what is left of its line is no mapping.
  char line[512];
  for (bool is_start = true; fgets(line, sizeof line, maps); is_start = strchr(line, '\n') != nullptr) {
    Mapping mapping;
    // `start-end permissions offset device inode path`
    if (!is_start || sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*x:%*x %lu", &mapping.start, &mapping.end, mapping.permissions,
                            &mapping.inode) != 4) {
      continue;
    }
    if (!each(mapping)) break;
  }
  fclose(maps);
  return true;
}

}  // namespace sonde
