// Runs one of the programs in real/, which SONDE_TEST_PROGRAM names, when the test says so, and
// tells what can be seen of the process.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { answerCalls } from '../support/called-program.js';
import type { Seen } from './real/seen.js';

const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));

let run: () => Promise<Seen>;

/** Each a list of what there is, sorted. */
export type State = Record<string, string[]>;

const commands = {
  async load(): Promise<void> {
    ({ run } = await import(new URL(`real/${process.env.SONDE_TEST_PROGRAM}.js`, import.meta.url).href));
  },

  run: (): Promise<Seen> => run(),

  /** Whatever a program, or somebody who looks at its process, can find. */
  async state(): Promise<State> {
    // What was closed, is; what ended, has ended.
    gc!();
    await setTimeout(300);
    gc!();
    const state: State = {
      warnings,
      'listeners of process': process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`),
      globals: Reflect.ownKeys(globalThis).map(String),
      environment: Object.keys(process.env),
      'what is active': process.getActiveResourcesInfo(),
      descriptors: readdirSync('/proc/self/fd').map(descriptor),
      mappings: [...new Set(readFileSync('/proc/self/maps', 'utf8').match(/(?<= )\/.*$/gm))],
      threads: readdirSync('/proc/self/task').map((task) =>
        readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim(),
      ),
      'values of the process': [
        `exit code ${process.exitCode}`,
        `title ${process.title}`,
        `folder ${process.cwd()}`,
        `umask ${process.umask()}`,
        `captures exceptions ${process.hasUncaughtExceptionCaptureCallback()}`,
        `stack trace limit ${Error.stackTraceLimit}`,
      ],
      builtins: loadBuiltins().flatMap(([name, object]) => members(name, object)),
      'built-in objects': [Object, Function, Array, Promise, Error, JSON, Reflect, Symbol, Map].flatMap((object) =>
        members((object as { name?: string }).name ?? 'object', object),
      ),
    };
    for (const list of Object.values(state)) list.sort();
    return state;
  },
};

export type Commands = typeof commands;

function descriptor(name: string): string {
  try {
    // Numbers in it are of the moment.
    return readlinkSync(`/proc/self/fd/${name}`).replace(/\[\d+\]|\d+/g, '');
  } catch {
    return 'closed';
  }
}

/** Some change others when they are loaded, so all are. */
function loadBuiltins(): [name: string, object: object][] {
  // These warn, or are not for everybody.
  const names = builtinModules.filter((name) => !/^_|^(node:)?(sys|punycode|wasi|trace_events|ffi)$/.test(name));
  const require = createRequire(import.meta.url);
  // `constants` holds what tls adds to it, if that comes first.
  require('node:tls');
  return names.map((name) => [name, require(name)]);
}

/** What its properties are, and those of its functions' prototypes, with the texts of functions. */
function members(name: string, object: object): string[] {
  return Reflect.ownKeys(object).flatMap((key) => {
    const property = Object.getOwnPropertyDescriptor(object, key)!;
    const { value, get } = property;
    const what = `${name}.${String(key)}`;
    if (typeof value !== 'function') return [`${what} ${get ? show(get) : typeof value}`];
    const prototype = Object.getOwnPropertyDescriptor(value, 'prototype')?.value;
    const own = Object.entries(Object.getOwnPropertyDescriptors(prototype ?? {}));
    return [
      `${what} ${show(value)}`,
      ...own.map(([key, { value, get }]) => `${what}.prototype.${key} ${show(value ?? get)}`),
    ];
  });
}

const textOf = Function.prototype.toString;

function show(value: unknown): string {
  return typeof value === 'function' ? `${value.name} ${value.length} ${textOf.call(value).length}` : typeof value;
}

answerCalls(commands);
