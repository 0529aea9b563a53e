// Node.js can be told to load no addons (--no-addons) and to leave files alone (its permission
// model), and so can Deno. What they throw then does not always say what was wanted and which
// option allows it; status() is to.
import { isAllowed } from '@sonde/core/internal';

/**
 * An error as a reason: what Node.js was not allowed to do, to which file, and the option that
 * allows it. Other errors by their message.
 */
export function reasonOf(error: unknown): string {
  const { code, message, permission, resource } = error as NodeJS.ErrnoException & {
    permission?: string;
    resource?: string;
  };
  switch (code) {
    case 'ERR_DLOPEN_DISABLED':
      // Undefined where the permission model is off, whatever the types say.
      return (process.permission as unknown)
        ? "Node.js's permission model forbids native addons: give Node.js --allow-addons"
        : 'Node.js was started with --no-addons: leave that out';
    case 'ERR_ACCESS_DENIED': {
      const [what, option] = permission === 'FileSystemRead' ? ['read', 'read'] : ['written', 'write'];
      return `Node.js's permission model does not let ${resource} be ${what}: give Node.js --allow-fs-${option} for it`;
    }
    default:
      return message;
  }
}

/** Does something that Node.js may have been told not to allow; throws an error that says so. */
export function explained<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

/**
 * What an addon and its probe objects take in Deno. Of some files or some facts alone would do, but
 * native code reaches all of them.
 */
const NEEDED = ['ffi', 'read', 'sys'] as const;

/** @throws where Deno was not told to allow native code */
export function checkDenoAllowsAddons(): void {
  const missing = NEEDED.filter((name) => !isAllowed({ name })).map((name) => `--allow-${name}`);
  if (missing.length > 0) throw new Error(`Deno's permissions forbid native addons: give Deno ${missing.join(' ')}`);
}

/** @throws where Deno was not told to allow writing in this folder */
export function checkDenoAllowsWriting(folder: string): void {
  if (isAllowed({ name: 'write', path: folder })) return;
  throw new Error(`Deno's permissions do not let ${folder} be written: give Deno --allow-write for it`);
}
