// Files of the kernel, of which any may be absent, and any may be forbidden to this user.
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';

/** The text of a file without the newline at its end; undefined if it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Where a symbolic link leads; undefined if that cannot be read. */
export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Opens a file and closes it; returns the code of the error if that fails. */
export function errorOfOpening(path: string, flags: 'r' | 'a'): string | undefined {
  try {
    closeSync(openSync(path, flags));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}
