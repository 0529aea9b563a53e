// What can be said of a system that is not Linux: whether its DTrace works for this user.
import { execFile } from 'node:child_process';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { ENVIRONMENT } from '../engines/dtrace/environment.js';
import { reasonOf } from '../engines/dtrace/said.js';
import type { Finding, Section } from './finding.js';

/** What dtrace printed when it was asked to list its own probes; undefined if it is not installed. */
export interface Listing {
  output: string;
  errors: string;
}

export async function examineOther(): Promise<{ sections: Section[]; canTrace: boolean }> {
  const finding = dtraceFinding(await listOwn(), process.getuid?.() === 0);
  return {
    sections: [{ title: `${process.platform} ${release()}`, findings: [finding] }],
    canTrace: finding.state !== 'bad',
  };
}

async function listOwn(): Promise<Listing | undefined> {
  try {
    const args = ['-x', 'nolibs', '-l', '-P', 'dtrace'];
    const { stdout, stderr } = await promisify(execFile)('dtrace', args, { env: ENVIRONMENT, timeout: 30_000 });
    return { output: stdout, errors: stderr };
  } catch (error) {
    const { code, stdout, stderr, message } = error as Error & { code?: unknown; stdout?: string; stderr?: string };
    return code === 'ENOENT' ? undefined : { output: stdout ?? '', errors: stderr || message };
  }
}

export function dtraceFinding(listing: Listing | undefined, isRoot: boolean): Finding {
  const id = 'dtrace';
  const meaning = 'list, trace, count, hist and top need it';
  if (listing === undefined) {
    return { id, state: 'bad', fact: 'dtrace is not installed, or not in PATH', meaning };
  }
  const said = listing.errors
    .split('\n')
    .map((line) => line.trim().replace(/^dtrace: /, ''))
    .filter((line) => line !== '');
  if (!/^ *\d+ +dtrace .* BEGIN$/m.test(listing.output)) {
    return { id, state: 'bad', fact: `dtrace does not list probes: ${reasonOf(said, isRoot)}`, meaning };
  }
  const restricted = said.find((line) => /system integrity protection/i.test(line));
  if (restricted !== undefined) {
    return {
      id,
      state: 'limited',
      fact: `dtrace lists probes, and says: ${restricted}`,
      meaning: 'programs may not be able to hand over their probes; status().reason tells',
    };
  }
  return { id, state: 'good', fact: 'dtrace lists probes', meaning: 'list, trace, count, hist and top work by it' };
}
