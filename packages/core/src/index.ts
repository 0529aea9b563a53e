export {
  type Argument,
  type ArgumentType,
  type ArgumentValues,
  boolean,
  bytes,
  type IntegerType,
  int8,
  int16,
  int32,
  int64,
  json,
  type StackOptions,
  stack,
  string,
  type TextOptions,
  uint8,
  uint16,
  uint32,
  uint64,
} from './arguments.js';
export type { BackendName } from './backend.js';
export type { ProbeSource } from './definition.js';
export { DefinitionError, type ErrorCode, SondeError } from './errors.js';
export { type Followed, type Operation, type OperationSource, operation } from './operation.js';
export type { Probe, ProbeStatus } from './probe.js';
export { type Provider, type ProviderOptions, type ProviderSource, provider, type ValuesOf } from './provider.js';
export type { ProviderStatus } from './registry.js';
export { type Status, status } from './status.js';
