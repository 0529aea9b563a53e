// What probe.bpf.c tells probe.c.
#ifndef SONDE_TEST_PROBE_H
#define SONDE_TEST_PROBE_H

enum fired { SESSION_START, MIXED_REVERSED };

struct event {
  __u32 pid;
  enum fired fired;
  // The second argument of SESSION_START.
  __s32 port;
  // The first argument of SESSION_START, the seventh of MIXED_REVERSED.
  char text[64];
};

#endif
