/**
 * How long the nop is that each stub begins with, in bytes: the one place where that is decided.
 *
 * On x86-64 Linux emulates the 1-byte nop in the trap of a uprobe; any other instruction it steps over out of line, which
 * costs ten times as much. Since 6.18 it replaces the 5-byte nop by a call, without any trap, and that is faster still.
 * (arch/x86/kernel/uprobes.c, "optimized uprobes".) On arm64 there is one nop, and Linux emulates it.
 *
 * @param release the kernel's release, as os.release() gives it
 */
export function firstInstruction(release: string, architecture: string): 1 | 5 {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return architecture === 'x64' && (major > 6 || (major === 6 && minor >= 18)) ? 5 : 1;
}
