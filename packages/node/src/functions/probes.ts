import { boolean, int32, string, uint64 } from 'sonde';

/** Of every function that has probes in it (README.md has the table). */
export const functionProbes = {
  functionEntry: [string('file'), string('function'), int32('line')],
  functionReturn: [string('file'), string('function'), int32('line'), uint64('ns'), boolean('threw')],
  functionPatch: [string('file'), int32('functions'), uint64('ns'), string('reason')],
} as const;
