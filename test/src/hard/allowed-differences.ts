// In what a process with @sonde/node may differ from one without, and why. Nothing else may.

export interface Allowed {
  /** Of the process's state: see real-program.ts. */
  where: string;
  /** What is there more (+), or not there (-). */
  what: RegExp;
  why: string;
}

const LINE = Number(process.versions.node.split('.')[0]);
/** Before Node.js 22.15 what is imported can be changed in a thread of its own only, which `module.register` starts. */
const HAS_HOOKS_THREAD = LINE < 22;
const BY_THE_THREAD = 'Node.js 20 runs module hooks in a thread of its own, which function probes need';

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
  { where: 'globals', what: /^\+__sonde$/, why: 'functions with probes look there; documented, not enumerable' },
  ...(HAS_HOOKS_THREAD
    ? [
        { where: 'threads', what: /^\+node$/, why: BY_THE_THREAD },
        { where: 'descriptors', what: /^\+(anon_inode:\[event(fd|poll)\]|pipe:)$/, why: BY_THE_THREAD },
        { where: 'what is active', what: /^\+PipeWrap$/, why: BY_THE_THREAD },
      ]
    : []),
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
    what: /(\/hard\/real\/\w+\.js:\d+):\d+/g,
    by: '$1:COLUMN',
    why: 'what was inserted into functions moves what is behind it in its line; lines do not move. SONDE_FUNCTIONS=off inserts nothing',
  },
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
