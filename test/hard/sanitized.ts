// The addons once more, compiled with the address and undefined-behaviour sanitizers, in
// test/build, where they stay until a source changes.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/tracer.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SANITIZE = '-fsanitize=address,undefined';
/** Where each is used from, and the file that is made. */
const ADDONS = { 'packages/native/addon': 'sonde.node', 'packages/node/addon': 'sonde_node.node' };

export interface Sanitized {
  /** The addon that every program here uses. */
  original: string;
  /** The one to be put in its place. */
  sanitized: string;
}

/** Compiles what has changed, both at once: it takes a minute. */
export async function sanitizedAddons(): Promise<Sanitized[]> {
  return Promise.all(Object.entries(ADDONS).map(([folder, file]) => compile(folder, file)));
}

async function compile(folder: string, file: string): Promise<Sanitized> {
  const sources = readdirSync(join(ROOT, folder)).filter((name) => /\.(cc|h|gyp)$/.test(name));
  const hash = createHash('sha256').update(process.version);
  for (const name of sources) hash.update(name).update(readFileSync(join(ROOT, folder, name)));
  const digest = hash.digest('hex');
  const scratch = join(ROOT, 'test/build/sanitized', folder);
  const stamp = join(scratch, 'stamp');
  const made = { original: join(ROOT, folder, 'build/Release', file), sanitized: join(scratch, 'build/Release', file) };
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return made;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  for (const name of sources) cpSync(join(ROOT, folder, name), join(scratch, name));
  // Node.js's headers come with it, or node-gyp fetches them.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
  const gyp = join(ROOT, 'node_modules/node-gyp/bin/node-gyp.js');
  await run(process.execPath, [gyp, 'rebuild', `--directory=${scratch}`, '--loglevel=warn', ...headers], {
    CXXFLAGS: `${SANITIZE} -fno-omit-frame-pointer -g1`,
    LDFLAGS: SANITIZE,
  });
  writeFileSync(stamp, digest);
  return made;
}
