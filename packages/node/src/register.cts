// For `node --require @sonde/node/register`. Node.js runs that in the thread of its module hooks,
// too, where there is nothing to do (start.ts), and where Node.js 22 can require no ES module.
const { isMainThread, parentPort, isInternalThread } = process.getBuiltinModule('node:worker_threads') as {
  isMainThread: boolean;
  parentPort: unknown;
  isInternalThread?: boolean;
};

if (!(isInternalThread ?? (!isMainThread && parentPort === null))) require('./register.js');

// A program is to find there what it required itself.
if (require.main === undefined) forget();

function forget(): void {
  const { _cache, _pathCache } = process.getBuiltinModule('node:module') as unknown as {
    _cache: Record<string, unknown>;
    /** What was asked for, and its path. */
    _pathCache?: Record<string, string>;
  };
  for (const path of Object.keys(_cache)) if (path.startsWith(__dirname)) Reflect.deleteProperty(_cache, path);
  for (const [key, path] of Object.entries(_pathCache ?? {})) {
    if (path.startsWith(__dirname)) Reflect.deleteProperty(_pathCache!, key);
  }
}
