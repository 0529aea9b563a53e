// The suite for the backend that SONDE_BACKEND names; backends.test.ts starts it for each, in a
// process of its own.
import { release } from 'node:os';
import { ebpf } from '@sonde/ebpf';
import { firstInstruction } from '@sonde/native';
import { noop } from '@sonde/noop';
import { systemtap } from '@sonde/systemtap';
import { attachToStub } from './selftrace.js';
import { conformance, type Manifest } from './suite.js';

const attach: Manifest['attach'] = ({ location }, { name, probes }, index) => {
  const { name: probe, native } = probes[index]!;
  const nop = process.arch === 'arm64' ? 4 : firstInstruction(release(), process.arch);
  return attachToStub(location!, `${name}_${probe}`, nop, native);
};

const manifests: Manifest[] = [
  { name: 'noop', make: () => noop },
  { name: 'systemtap', make: systemtap, attach },
  { name: 'ebpf', make: ebpf, attach },
];

conformance(manifests.find(({ name }) => name === process.env.SONDE_BACKEND)!);
