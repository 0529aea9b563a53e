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
export type { Backend, BackendName, LoadedProbe, LoadedProvider } from './backend.js';
export type { NativeArgument, NativeType, ProbeDefinition, ProbeSource, ProviderDefinition } from './definition.js';
export { isAllowed, variable } from './deno.js';
export { DefinitionError, type ErrorCode, SondeError } from './errors.js';
export { type Follower, follow, type Outcome } from './following.js';
export { log } from './log.js';
export { captureStacksWith, type StackCapture } from './native-stack.js';
export { type Operation, type OperationSource, operation } from './operation.js';
export { places } from './places.js';
export { type Probe, type ProbeStatus, stubOf, type Watched, watched } from './probe.js';
export { type Provider, type ProviderOptions, type ProviderSource, provider, type ValuesOf } from './provider.js';
export { isRecording, type ProviderStatus } from './registry.js';
export { applicationManifest, type Backends, registerBackends } from './selection.js';
export { type Status, status } from './status.js';
export type { NativeValue } from './values.js';
