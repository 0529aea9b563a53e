// Deno runs programs that were written for Node.js, and lets them do only what it was told to
// allow. For what is neither allowed nor denied it asks the user, on the terminal, while the
// program waits. So nothing is tried here before Deno says that it is allowed.

/** As Deno describes it. Without a path, kind or variable: all of them. */
export type Permission =
  | { name: 'env'; variable?: string }
  | { name: 'read' | 'write'; path?: string }
  | { name: 'ffi' | 'sys' };

interface DenoNamespace {
  permissions: { querySync(permission: Permission): { state: string } };
}

/** Whether Deno allows something; true where this is not Deno. */
export function isAllowed(permission: Permission): boolean {
  try {
    const { Deno } = globalThis as { Deno?: DenoNamespace };
    return !Deno || Deno.permissions.querySync(permission).state === 'granted';
  } catch {
    // Something else of this name.
    return true;
  }
}

/** A variable of the environment; undefined where it is not set, or must not be read. */
export function variable(name: string): string | undefined {
  return isAllowed({ name: 'env', variable: name }) ? process.env[name] : undefined;
}
