// In what a process with @sonde/node may differ from one without, and why. Nothing else may.

export interface Allowed {
  /** Of the process's state: see real-program.ts. */
  where: string;
  /** What is there more (+), or not there (-). */
  what: RegExp;
  why: string;
}

export const ALLOWED: readonly Allowed[] = [
  {
    where: 'mappings',
    what: /^\+.*\/objects\/node-[0-9a-f]{40}\.so$/,
    why: 'the probe object stays mapped for as long as somebody may look at its bytes',
  },
  { where: 'mappings', what: /^\+.*\/(sonde(_node)?|@sonde\+[^/]*)\.node$/, why: 'Node.js never unloads an addon' },
  { where: 'mappings', what: /^\+.*\/lib(stdc\+\+|gcc_s)\.so/, why: 'the addons are linked with it' },
  {
    where: 'globals',
    what: /^\+Symbol\(sonde\.[a-z]+\.1\)$/,
    why: 'several copies of a package find one another there; not enumerable by Object.keys',
  },
  {
    where: 'descriptors',
    what: /^\+anon_inode:inotify$/,
    why: 'the kernel reports there that a tool has opened the probe object',
  },
];

export interface Rewritten {
  what: RegExp;
  by: string;
  /** Only while a tracer is there. */
  whileTraced?: true;
  why: string;
}

/** What is the same before results are compared. */
export const REWRITTEN: readonly Rewritten[] = [
  {
    what: /"arePromisesFollowed":true/g,
    by: '"arePromisesFollowed":false',
    whileTraced: true,
    why: 'loop__slow follows promises with async_hooks',
  },
  {
    what: /\\n *at process\.callbackTrampoline \(node:internal\/async_hooks[^)]*\)/g,
    by: '',
    whileTraced: true,
    why: 'Node.js shows that async_hooks are on, which loop__slow needs',
  },
];
