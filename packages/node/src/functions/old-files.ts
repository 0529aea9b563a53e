// What keeps the cache of sources small. It grows only where something is put into it, so there,
// once a day, somebody looks for what nobody has used for long; and a process that puts much into
// it looks more often.
import { log, messageOf } from 'sonde/internal';

const debug = log('functions');

const DAY_MS = 24 * 60 * 60 * 1000;
/** A file that nobody has used for so long goes. */
const KEPT_MS = 30 * DAY_MS;
/**
 * Of all files; beyond, those go that were used longest ago. The folder may be in memory:
 * XDG_RUNTIME_DIR is.
 */
const MOST_BYTES = 128 * 2 ** 20;
/** Of one process, from one look to the next: files that are changed and loaded again and again. */
const BYTES_A_LOOK = MOST_BYTES / 8;

/** As cache.ts names its files: nothing else is removed. */
const OURS = /^[0-9a-f]{64}\.(js|json)$/;
/** Its time is when somebody looked last. */
const LOOKED = '.looked';

/** Notes that a file is in use, to the day. Never throws. */
export function markUsed(path: string): void {
  const { lstatSync, utimesSync } = process.getBuiltinModule('node:fs');
  try {
    const now = Date.now();
    if (now - lstatSync(path).mtimeMs > DAY_MS) utimesSync(path, now / 1000, now / 1000);
  } catch (error) {
    debug('%s: %s', path, messageOf(error));
  }
}

let bytesSince = 0;

/**
 * Removes what is too old or too much, unless somebody looked less than a day ago. Another process
 * may use a file meanwhile, or look as well: an open file stays readable, and one that is gone is
 * made anew. Never throws.
 *
 * @param bytes that this process has just put there
 */
export function removeOld(folder: string, bytes: number): void {
  try {
    bytesSince += bytes;
    if (bytesSince < BYTES_A_LOOK && !isDue(folder)) return;
    bytesSince = 0;
    remove(folder);
  } catch (error) {
    debug('%s: %s', folder, messageOf(error));
  }
}

function isDue(folder: string): boolean {
  const { closeSync, constants, lstatSync, openSync, utimesSync } = process.getBuiltinModule('node:fs');
  const marker = `${folder}/${LOOKED}`;
  const now = Date.now();
  const there = lstatSync(marker, { throwIfNoEntry: false });
  if (there && now - there.mtimeMs < DAY_MS) return false;
  if (there) utimesSync(marker, now / 1000, now / 1000);
  else closeSync(openSync(marker, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
  return true;
}

function remove(folder: string): void {
  const { lstatSync, readdirSync, unlinkSync } = process.getBuiltinModule('node:fs');
  const files = readdirSync(folder)
    .filter((name) => OURS.test(name))
    .map((name) => `${folder}/${name}`)
    .flatMap((path) => {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats?.isFile() && stats.uid === process.geteuid!()
        ? [{ path, used: stats.mtimeMs, size: stats.size }]
        : [];
    })
    .sort((a, b) => b.used - a.used);
  const oldest = Date.now() - KEPT_MS;
  let bytes = 0;
  for (const { path, used, size } of files) {
    bytes += size;
    if (used >= oldest && bytes <= MOST_BYTES) continue;
    try {
      unlinkSync(path);
    } catch (error) {
      // Another process was quicker.
      debug('%s: %s', path, messageOf(error));
    }
  }
}
