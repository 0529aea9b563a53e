// A tracer as people write them with libbpf: attaches uprobes by the functions' names, to all
// processes, and prints each fire.
//
//   probe OBJECT-OF-SMTP OBJECT-OF-EVERY
//
// Prints `attached` when nothing is missed any more, a line for each fire, and at its end, on
// SIGINT, how many there were.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <bpf/libbpf.h>
#include "probe.skel.h"
#include "probe.h"

static volatile sig_atomic_t leaving;

static void leave(int signal) {
  (void)signal;
  leaving = 1;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

// Every process, those that start later too, that maps the object.
static struct bpf_link *attach(const struct bpf_program *program, const char *object, const char *function) {
  LIBBPF_OPTS(bpf_uprobe_opts, options, .func_name = function);
  struct bpf_link *link = bpf_program__attach_uprobe_opts(program, -1, object, 0, &options);

  if (!link)
    fail(function);
  return link;
}

static int show(void *context, void *data, size_t size) {
  const struct event *event = data;

  (void)context;
  (void)size;
  switch (event->fired) {
  case SESSION_START:
    printf("%u %s %d\n", event->pid, event->text, event->port);
    break;
  case MIXED_REVERSED:
    printf("%u seventh %s\n", event->pid, event->text);
    break;
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: %s OBJECT-OF-SMTP OBJECT-OF-EVERY\n", arguments[0]);
    return 2;
  }
  signal(SIGINT, leave);
  struct probe_bpf *probe = probe_bpf__open_and_load();
  if (!probe)
    fail("load");
  struct ring_buffer *events = ring_buffer__new(bpf_map__fd(probe->maps.events), show, NULL, NULL);
  if (!events)
    fail("ring buffer");
  probe->links.session_start = attach(probe->progs.session_start, arguments[1], "smtp_session__start");
  probe->links.mixed_reversed = attach(probe->progs.mixed_reversed, arguments[2], "every_mixed__reversed");
  puts("attached");
  fflush(stdout);

  while (!leaving) {
    int result = ring_buffer__poll(events, 100);
    if (result < 0 && result != -EINTR)
      fail("poll");
    fflush(stdout);
  }
  probe_bpf__detach(probe);
  ring_buffer__consume(events);
  printf("fires %llu, lost %llu\n", probe->bss->fires, probe->bss->lost);
  ring_buffer__free(events);
  probe_bpf__destroy(probe);
  return 0;
}
