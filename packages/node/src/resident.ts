// What every process with this package loads (start.ts), and what the rest has to have the same of.
// In CommonJS it is a file of its own, and scripts/bundle.mjs leads these modules there.
export { loadRest } from './rest-file.js';
export { now, since } from './runtime/clock.js';
export * from './runtime/tasks.js';
export { setRest, start, startedThread, stop } from './start.js';
export { whileTraced } from './while-traced.js';
