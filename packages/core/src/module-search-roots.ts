import { pathToFileURL } from 'node:url';
import { MAIN_FILE } from './main-file.js';

/**
 * Where packages are looked for that no bundle holds, as URLs of files, the likeliest first.
 * Usually this file's; but a bundle in CommonJS has no `import.meta.url`, webpack writes the one of
 * the machine that it ran on, and a single executable lies alone.
 */
export function moduleSearchRoots(): string[] {
  const files = [ownFile(), MAIN_FILE, process.execPath].filter((path) => path !== undefined);
  const urls = files.map((path) => pathToFileURL(path).href);
  return import.meta.url ? [import.meta.url, ...urls] : urls;
}

/** In CommonJS. `typeof` would not do: webpack says it is a string where it is not. */
function ownFile(): string | undefined {
  try {
    return __filename;
  } catch {
    return undefined;
  }
}
