// Loaded into a program by LD_PRELOAD: from the signal SIGUSR2 on, the kernel refuses the system
// call that SONDE_TEST_REFUSE names, with ENOMEM. `mmap` is refused only where it maps a file to be
// executed, as the dynamic linker does: V8 cannot do without the others.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) {#name, __NR_##name}
static const struct {
  const char *name;
  unsigned number;
} calls[] = {CALL(openat),  CALL(statx),      CALL(newfstatat), CALL(readlink), CALL(mkdir),   CALL(chmod),
             CALL(fchmod),  CALL(pread64),    CALL(pwrite64),   CALL(link),   CALL(rename),   CALL(symlink), CALL(unlink),
             CALL(getdents64), CALL(ftruncate),  CALL(mmap),   CALL(memfd_create)};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_NOT(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM)

static unsigned refused;

static void refuse(int signal) {
  (void)signal;
  struct sock_filter always[] = {LOAD(nr), IF_NOT(refused, 1), REFUSE, ALLOW};
  struct sock_filter executable_files[] = {
      LOAD(nr),
      IF_NOT(refused, 5),
      LOAD(args[2]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 3),
      LOAD(args[3]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 1, 0),
      REFUSE,
      ALLOW,
  };
  struct sock_fprog filter = {sizeof always / sizeof *always, always};
  if (refused == __NR_mmap) {
    filter.len = sizeof executable_files / sizeof *executable_files;
    filter.filter = executable_files;
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // In all threads: Node.js's pool has some.
  if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) _exit(99);
}

__attribute__((constructor)) static void wait_for_signal(void) {
  const char *name = getenv("SONDE_TEST_REFUSE");
  for (size_t i = 0; name && i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(calls[i].name, name) == 0) refused = calls[i].number;
  }
  // Not inherited by who the program starts.
  unsetenv("LD_PRELOAD");
  signal(SIGUSR2, refuse);
}
