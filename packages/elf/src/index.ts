export type {
  Architecture,
  NativeArgument,
  NativeType,
  ProbeDefinition,
  ProbeObjectDefinition,
} from './definition.js';
export { ElfError } from './error.js';
export { type ProbeObject, writeProbeObject } from './write.js';
