// A shared object that somebody plants. Each time it is loaded it leaves a mark in a file of
// -DMARKS=FOLDER, where everybody can write.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%d", MARKS, (int)getpid());
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (write(file, "x", 1) != 1) perror(path);
  close(file);
}
