import { readSync, writeSync } from 'node:fs';

/**
 * Waits for a line and returns it; undefined at the end. As a C program does it: nothing else runs
 * meanwhile.
 */
export function readLine(): string | undefined {
  const buffer = Buffer.alloc(256);
  const length = readSync(0, buffer);
  return length === 0 ? undefined : buffer.toString('utf8', 0, length).trim();
}

export function writeLine(line: string): void {
  writeSync(1, `${line}\n`);
}
