#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace sonde {

// The system's DTrace, as a program reaches it: the helper device. One file for each system, dtrace-helper-<system>.cc.

// Hands over DOF, which is copied. False, with the reason, when the device is not there or refuses it.
bool AddDof(const std::string& module, const uint8_t* dof, size_t size, int64_t* generation, std::string* reason);

// Takes back what AddDof handed over.
void RemoveDof(int64_t generation);

}  // namespace sonde
