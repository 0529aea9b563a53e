/**
 * Why this package does nothing here; undefined in Node.js. Deno and Bun run programs that were
 * written for Node.js, but their runtimes are others: loading the V8 addon ends the process in
 * Deno, and what watches the event loop keeps either from untraced.
 */
export const whyForeign = (() => {
  const { deno, bun } = process.versions;
  return (deno ?? bun) && `@sonde/node has probes of Node.js, and this is ${deno ? 'Deno' : 'Bun'}`;
})();
