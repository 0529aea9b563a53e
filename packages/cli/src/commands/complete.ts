// sonde __complete: live values for the completion scripts, one a line, with a tab before what it is.
import { findProbes } from '../discovery/find.js';
import { fullName } from '../model.js';
import { printable } from '../output/escape.js';

/** @param kind what is wanted; nothing is printed for one that is not known */
export function complete(kind: string): void {
  for (const [word, about] of valuesOf(kind)) {
    if (isSafe(word)) process.stdout.write(`${word}\t${printable(about)}\n`);
  }
}

function valuesOf(kind: string): Map<string, string> {
  const { objects, processes } = findProbes();
  const probes = objects.flatMap((object) => object.probes);
  switch (kind) {
    case 'targets':
      return new Map([
        ...processes.map(({ pid, command }) => [String(pid), command.join(' ').slice(0, 60)] as const),
        ...processes.flatMap(({ container }) =>
          container === undefined ? [] : [[`container:${container}`, ''] as const],
        ),
      ]);
    case 'probes':
      return new Map(probes.map((probe) => [fullName(probe), '']));
    case 'providers':
      return new Map(probes.map(({ provider }) => [provider, '']));
    default:
      return new Map();
  }
}

/** The shell inserts the word as it is, so no character in it may have a meaning to a shell. */
function isSafe(word: string): boolean {
  return /^[\w:.@%+/-]+$/.test(word);
}
