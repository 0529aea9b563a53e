import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

const AGAIN_MS = 3_000;

/**
 * Interrupts a tracer, and again every 3 s, until the function that it returns is called. bpftrace
 * 0.17 forgets an interrupt that comes while it prints events. When it prints what its maps hold,
 * it takes no more interrupts, and one would end it before it is done.
 */
export function interrupt(tracer: ChildProcess): () => void {
  tracer.kill('SIGINT');
  const again = setInterval(() => catchesInterrupts(tracer.pid!) && tracer.kill('SIGINT'), AGAIN_MS);
  return () => clearInterval(again);
}

/** False too where that cannot be told. */
function catchesInterrupts(pid: number): boolean {
  try {
    const [, lowestSignals = '0'] = /^SigCgt:.*([0-9a-f])$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (Number.parseInt(lowestSignals, 16) & 0b10) !== 0;
  } catch {
    return false;
  }
}
