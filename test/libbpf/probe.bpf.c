// The kernel's half: reads arguments where C passes them. It needs no vmlinux.h, so it compiles on
// machines whose kernel tells no BTF.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "probe.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Fires, and those that did not fit into the buffer.
__u64 fires = 0;
__u64 lost = 0;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 * 1024 * 1024);
} events SEC(".maps");

static struct event *reserve(enum fired fired) {
  struct event *event = bpf_ringbuf_reserve(&events, sizeof *event, 0);

  __sync_fetch_and_add(&fires, 1);
  if (!event) {
    __sync_fetch_and_add(&lost, 1);
    return NULL;
  }
  event->pid = bpf_get_current_pid_tgid() >> 32;
  event->fired = fired;
  event->port = 0;
  return event;
}

// sessionStart(peer: string, port: int32)
SEC("uprobe")
int session_start(struct pt_regs *ctx) {
  struct event *event = reserve(SESSION_START);

  if (!event)
    return 0;
  event->port = PT_REGS_PARM2(ctx);
  bpf_probe_read_user_str(event->text, sizeof event->text, (void *)PT_REGS_PARM1(ctx));
  bpf_ringbuf_submit(event, 0);
  return 0;
}

// mixed__reversed has twelve arguments. The seventh, a text, is the first on the stack, above the
// return address.
SEC("uprobe")
int mixed_reversed(struct pt_regs *ctx) {
  struct event *event = reserve(MIXED_REVERSED);
  void *seventh = NULL;

  if (!event)
    return 0;
  bpf_probe_read_user(&seventh, sizeof seventh, (void *)(PT_REGS_SP(ctx) + 8));
  bpf_probe_read_user_str(event->text, sizeof event->text, seventh);
  bpf_ringbuf_submit(event, 0);
  return 0;
}
