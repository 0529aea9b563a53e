// For the packages of sonde alone: what backends, the runtime's probes and the drop-ins need. It
// changes with any version, and it does not check what it is given: a write to what `watched`
// returns ends the process.
export type { Backend, LoadedProbe, LoadedProvider } from './backend.js';
export type { NativeArgument, NativeType, ProbeDefinition, ProviderDefinition } from './definition.js';
export { isAllowed, variable } from './deno.js';
export { messageOf, printable, show } from './errors.js';
export { type Follower, follow, type Outcome } from './following.js';
export * from './limits.js';
export { log } from './log.js';
export { moduleSearchRoots } from './module-search-roots.js';
export { captureStacksWith, type StackCapture } from './native-stack.js';
export { loadOwnFile } from './own-file.js';
export { stubOf, type Watched, watched } from './probe.js';
export { isRecording, removeLoader } from './registry.js';
export { applicationManifest, type Backends, registerBackends } from './selection.js';
export type { NativeValue } from './values.js';
export { watchProbes } from './watching.js';
