export { start } from './start.js';
export { type NodeStatus, status } from './status.js';
