// The tracer that probes are measured under.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/**
 * bpftrace 0.17 forgets a request to end that comes at the wrong moment, and then waits for ever.
 */
const AGAIN_MS = 3_000;
/** The kernel takes some 50 ms to let go of a uprobe. */
const GRACE_MS = 60_000;

/** Undefined where bpftrace can trace. */
export function whyNoTracer(): string | undefined {
  if (process.platform !== 'linux') return `it needs bpftrace, and this is ${process.platform}`;
  if (process.getuid!() !== 0) return 'bpftrace needs root';
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'bpftrace is not installed';
  return undefined;
}

/**
 * Starts a bpftrace program, which is not yet attached then. Returns what interrupts it and gives
 * what it printed.
 */
export function startBpftrace(program: string): () => Promise<string> {
  const child = spawn('bpftrace', ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return async () => {
    const again = setInterval(() => child.kill('SIGINT'), AGAIN_MS);
    const late = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    child.kill('SIGINT');
    const [output, errors] = await printed;
    clearInterval(again);
    clearTimeout(late);
    if (child.exitCode !== 0) throw new Error(`bpftrace ended with ${child.exitCode ?? child.signalCode}: ${errors}`);
    return output;
  };
}

/** What a map held when the program ended: `@name: 12`. */
export function countOf(output: string, name: string): number {
  return Number(new RegExp(`^@${name}: (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
}
