// Loaded before a program with `node --import`, it makes the program take the kernel for the one
// that OTHER_KERNEL names (a release, such as 6.1.0-42-amd64): probe objects begin with the
// instruction that suits the kernel.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const release = process.env.OTHER_KERNEL;
if (!release) throw new Error('OTHER_KERNEL names no release of a kernel');

const { readFileSync } = fs;
const read = (path: string, encoding: 'utf8') =>
  path === '/proc/sys/kernel/osrelease' ? release : readFileSync(path, encoding);
fs.readFileSync = read as typeof readFileSync;
syncBuiltinESMExports();
