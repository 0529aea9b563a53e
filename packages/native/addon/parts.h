#pragma once

// What is compiled: what the system can have, but for what a build that is configured for one
// backend leaves out (binding.gyp).
#if !defined(SONDE_WITHOUT_DTRACE)
#define SONDE_DTRACE 1
#endif
#if defined(__linux__) && !defined(SONDE_WITHOUT_EVENTS)
#define SONDE_EVENTS 1
#endif
#if defined(__linux__) && !defined(SONDE_WITHOUT_OBJECTS)
#define SONDE_OBJECTS 1
#endif
