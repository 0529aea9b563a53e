// esbuild, whose work is done by a child process.
import { build, stop } from 'esbuild';
import type { Seen } from './seen.js';

export async function run(): Promise<Seen> {
  const contents = 'import { join } from "node:path"; export const a: string = join("a", "b"); console.log(a ?? 1)';
  const stdin = { contents, loader: 'ts' as const, sourcefile: 'a.ts' };
  const built = await build({ stdin, bundle: true, minify: true, platform: 'node', format: 'esm', write: false });
  const failed = await build({ stdin: { ...stdin, contents: 'const = 1' }, write: false, logLevel: 'silent' }).catch(
    ({ message, errors }) => [message, errors],
  );
  await stop();
  return { results: { text: built.outputFiles[0]!.text, failed }, listeners: [] };
}
