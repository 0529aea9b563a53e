// In which namespaces this process is, and which processes it sees.

import { readLink } from '../discovery/files.js';
import { isInPidNamespace } from '../discovery/pid-namespace.js';
import type { Finding } from './finding.js';
import type { Mount } from './mounts.js';

export function namespaceFindings(mounts: readonly Mount[]): Finding[] {
  return [pidFinding(), mountFinding(), hiddenFinding(mounts)].filter((finding) => finding !== undefined);
}

function pidFinding(): Finding {
  const id = 'pid-namespace';
  if (!isInPidNamespace()) {
    return {
      id,
      state: 'good',
      fact: 'This process is in the initial pid namespace',
      meaning: 'it sees every process',
    };
  }
  return {
    id,
    state: 'limited',
    fact: 'This process is in a pid namespace of its own, as in a container',
    meaning:
      'it sees no process outside of it, and events of the kernel have the pids of the machine, which are others',
    remedy: 'Run sonde on the machine itself, or in a container with --pid=host',
  };
}

function mountFinding(): Finding {
  const id = 'mount-namespace';
  const [own, first] = ['self', '1'].map((pid) => readLink(`/proc/${pid}/ns/mnt`));
  if (first === undefined) {
    return {
      id,
      state: 'limited',
      fact: 'The mount namespace of process 1 cannot be read',
      meaning: 'whether this process has the mounts of the machine is not known',
    };
  }
  if (own === first) return { id, state: 'good', fact: 'This process has the same mounts as process 1' };
  return {
    id,
    state: 'limited',
    fact: 'This process has other mounts than process 1',
    meaning: 'paths that other processes have may lead elsewhere here; sonde reaches their files through /proc/PID',
  };
}

function hiddenFinding(mounts: readonly Mount[]): Finding | undefined {
  const options = mounts.filter(({ place }) => place === '/proc').at(-1)?.options ?? [];
  const hidepid = options.find((option) => /^hidepid=(?!0|off)/.test(option));
  if (hidepid === undefined) return undefined;
  return {
    id: 'hidepid',
    state: 'limited',
    fact: `/proc is mounted with ${hidepid}`,
    meaning: 'processes of other users are not seen without root',
    remedy: 'Run sonde as root',
  };
}
