/**
 * How long the nop is that each stub begins with, in bytes: the one place where that is decided.
 *
 * On x86-64 Linux emulates the 1-byte nop in the trap of a uprobe; before 6.18 any other
 * instruction it steps over out of line, which costs ten times as much. From 6.18 on it replaces
 * the 5-byte nop by a call, without any trap, and that is faster still. From 7.2 on it replaces the
 * 10-byte nop instead, by a lea and a call, and leaves the trap at the 5-byte nop; until then it
 * refuses to trace the 10-byte nop. (arch/x86/kernel/uprobes.c.) Read in a traced program's memory
 * on 6.1, 6.18, 6.19, 7.0, 7.1, 7.2.6, 7.2.13 and 7.3
 * (test/vm/debian-sid/first-instruction.test.ts). Where nobody has looked the choice is 5, which
 * every one of them traces.
 *
 * On arm64 there is one nop, and Linux emulates it.
 *
 * @param release the kernel's release, as os.release() gives it
 */
export function firstInstruction(release: string, architecture: string): 1 | 5 | 10 {
  if (architecture !== 'x64') return 1;
  if (isFrom(release, 7, 2, 6)) return 10;
  return isFrom(release, 6, 18, 0) ? 5 : 1;
}

function isFrom(release: string, ...since: number[]): boolean {
  const parts = release.split('.').map((part) => Number.parseInt(part, 10));
  const different = since.findIndex((least, index) => (parts[index] || 0) !== least);
  return different < 0 || (parts[different] || 0) > since[different]!;
}
