/* What sonde is compared with: a C program with <sys/sdt.h>. Each line that it reads is a number of fires; it answers with
   nanoseconds for each. */
#include <stdio.h>
#include <sys/sdt.h>
#include <time.h>

#ifdef NOP5 /* the kernel's new favourite, which sonde uses, in the place of the 1-byte nop */
#undef _SDT_NOP
#define _SDT_NOP .nops 5
#endif

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int count, char **arguments) {
  char *peer = count > 1 ? arguments[1] : "10.0.0.7";
  int times;
  while (scanf("%d", &times) == 1) {
    double start = now();
    for (int port = 0; port < times; port++) STAP_PROBE2(smtp, session__start, peer, port);
    printf("%f\n", (now() - start) / times);
    fflush(stdout);
  }
}
