export { type Bridge, type BridgeOptions, type BridgeSource, bridge } from './bridge.js';
export { bridges } from './bridges.js';
export type { FunctionsStatus } from './functions/start.js';
export { start } from './start.js';
export { type NodeStatus, status } from './status.js';
