// For `node --require @sonde/node/register`, and what `--import` leads to.
const { _cache, _pathCache } = process.getBuiltinModule('node:module') as unknown as {
  _cache: Record<string, unknown>;
  /** What was asked for, and its path. */
  _pathCache?: Record<string, string>;
};
const caches = [_cache, _pathCache ?? {}].map((cache) => ({ cache, before: new Set(Object.keys(cache)) }));
const isThis = (key: string, path: unknown) => key === __filename || path === __filename;

(require('./resident.cjs') as typeof import('./resident.js')).start();

// A program is to find there what it required itself.
if (require.main === undefined) {
  for (const { cache, before } of caches) {
    for (const key of Object.keys(cache)) {
      if (!before.has(key) || isThis(key, cache[key])) Reflect.deleteProperty(cache, key);
    }
  }
}
