import { pathToFileURL } from 'node:url';

/**
 * Where packages are looked for that no bundle holds, as URLs of files, the likeliest first. Usually this file's; but a bundle in CommonJS
 * has no `import.meta.url`, webpack writes the one of the machine that it ran on, and a single executable lies alone.
 */
export function places(): string[] {
  const paths = [typeof __filename === 'string' ? __filename : undefined, process.argv[1], process.execPath];
  const urls = paths.filter((path) => path !== undefined).map((path) => pathToFileURL(path).href);
  return import.meta.url ? [import.meta.url, ...urls] : urls;
}
