import './rest.js';

export { type Bridge, type BridgeOptions, type BridgeSource, bridge } from './bridge.js';
export { bridges } from './bridges.js';
export type { LiveFunction, LiveStatus } from './functions/live.js';
export type { FunctionsStatus } from './functions/start.js';
export { type Functions, type FunctionsWatch, type FunctionsWatchOptions, functions } from './functions/watch.js';
export { type StacksOptions, type StacksStatus, stacks } from './stacks/stacks.js';
export { start } from './start.js';
export { type NodeStatus, status } from './status.js';
