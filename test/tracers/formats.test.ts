// What READMEs, docs and examples print with bpftrace is printed whole: its %d and %u take 32 bits,
// whatever they are given (docs/tracing.md).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeArgument } from '@sonde/elf';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const require = createRequire(import.meta.url);

/** The native arguments of probes, by `provider:probe`. */
type Probes = Record<string, NativeArgument[]>;

const SIGNED_64 = ['ld', 'lld'];
const UNSIGNED_64 = ['lu', 'llu', 'lx', 'llx'];
const ANY_64 = [...SIGNED_64, ...UNSIGNED_64];
const CONVERSIONS: Record<string, readonly string[]> = {
  ...Object.fromEntries(['int8', 'int16', 'int32'].map((type) => [type, ['d', ...SIGNED_64]])),
  ...Object.fromEntries(['uint8', 'uint16'].map((type) => [type, ['d', 'u', 'x', ...ANY_64]])),
  boolean: ['d', 'u', ...ANY_64],
  uint32: ['u', 'x', ...ANY_64],
  int64: SIGNED_64,
  uint64: UNSIGNED_64,
  pointer: ['p'],
};

/** A process or a thread has 32 bits. */
const SMALL = /^(pid|tid|cpu|uid|gid)$/;
const TEXT = /^(str|strftime|usym|ksym|ustack|kstack|join|comm|probe)\b/;

interface Printed {
  where: string;
  /** `smtp:session__start` */
  probe: string;
  /** Without its flags and width: `lu`. */
  conversion: string;
  value: string;
}

describe('What bpftrace prints in READMEs, docs and examples', () => {
  const scene = useScene();

  it('is whole, whatever its type', () => {
    const probes = definitions();
    const printed = files().flatMap(printedIn);
    // A look that finds nothing would find nothing wrong.
    for (const name of ['README.md', 'docs/tracing.md', 'slow-turns.bt', 'demo/bpftrace.ts', 'usdt/README.md'])
      assert.ok(
        printed.some(({ where }) => where.endsWith(name)),
        name,
      );
    assert.ok(printed.length > 40, `${printed.length}`);
    const wrong = printed.filter((each) => !allowed(each, probes).includes(each.conversion));
    assert.deepEqual(wrong, []);
  });

  it('is found where it is not', () => {
    const probes: Probes = { 'p:a': [{ name: 'bytes', type: 'uint64' }] };
    const text = String.raw`bpftrace -e "usdt:$OBJECT:p:a /arg0 > 1/ { if (1) { printf(\"%s %-8d|%lu\n\", str(arg1), arg0, args->bytes); } }"`;
    const printed = printedInText('x', text);
    assert.deepEqual(
      printed.map(({ conversion, value }) => [conversion, value]),
      [
        ['s', 'str(arg1)'],
        ['d', 'arg0'],
        ['lu', 'args->bytes'],
      ],
    );
    assert.deepEqual(
      printed.map((each) => allowed(each, probes).includes(each.conversion)),
      [true, false, true],
    );
  });

  /** Of the programs that the examples trace, taken from themselves. */
  function definitions(): Probes {
    const url = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url));
    const program = `
      import { createRequire } from 'node:module';
      import { registerBackends } from ${JSON.stringify(import.meta.resolve('@sonde/core/internal'))};
      const found = {};
      const load = ({ name, probes }) => {
        for (const probe of probes) found[name + ':' + probe.name] = probe.native;
        return { code: Uint8Array.of(0), probes: probes.map(() => ({ offset: 0, untraced: 0, tracer: '', fire() {} })), unload() {} };
      };
      registerBackends({ table: { systemtap: () => ({ load }), noop: () => ({ load }) }, buildDefault: () => 'auto' });
      await import(${url('examples/mailserver/dist/probes.js')});
      await import(${url('examples/runtime/dist/probes.js')});
      await import(${JSON.stringify(import.meta.resolve('@sonde/node/register'))});
      const { USDTProvider } = createRequire(import.meta.url)(${JSON.stringify(require.resolve('@sonde/usdt'))});
      const provider = new USDTProvider('nodeProvider');
      provider.addProbe('firstProbe', 'int', 'char *');
      provider.enable();
      console.log(JSON.stringify(found));
      process.exit();`;
    return told(scene.current, ['--input-type=module', '-e', program]);
  }
});

/** The conversions that print all of a value. */
function allowed({ probe, value }: Printed, probes: Probes): readonly string[] {
  if (TEXT.test(value)) return ['s'];
  if (value.startsWith('buf(')) return ['r', 'rx', 'rh'];
  if (SMALL.test(value)) return ['d', 'u', ...ANY_64];
  const [, cast] = /^\((u?int\d+)\)/.exec(value) ?? [];
  if (cast !== undefined) return CONVERSIONS[cast]!;
  const [, index, name] = /^(?:arg(\d+)|args->(\w+))$/.exec(value) ?? [];
  const list = probes[probe];
  const argument = index === undefined ? list?.find((each) => each.name === name) : list?.[Number(index)];
  // All else that is a number has 64 bits: what is calculated, what is in a map, arguments of which
  // nothing is known.
  if (!argument) return value.startsWith('@') ? ['s', ...ANY_64] : ANY_64;
  return CONVERSIONS[argument.type] ?? [];
}

function files(): string[] {
  const under = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file));
  return ['README.md', ...['docs', 'examples', 'packages'].flatMap(under)].filter(
    (file) =>
      !/(^|\/)(node_modules|dist|lib|build)\//.test(file) &&
      (file.startsWith('packages') ? file.endsWith('README.md') : /\.(md|bt|ts)$/.test(file)),
  );
}

function printedIn(file: string): Printed[] {
  return printedInText(file, readFileSync(join(root, file), 'utf8'));
}

/**
 * A probe, its filter, and an action with blocks in it. Other tools' languages have no `usdt:` or
 * `uprobe:`.
 */
const CLAUSE =
  /\b(usdt|uprobe|tracepoint|interval):((?:\$\{\w+\}|[^\s{])+)\s*(?:\/[^\n]*?\/\s*)?\{((?:[^{}]|\{[^{}]*\})*)\}/g;
const PRINTF = /\bprintf\(\s*"((?:[^"\\]|\\.)*)"((?:[^;"]|"[^"]*")*)\)\s*[;}]/g;
const CONVERSION = /%%|%[-+ #0]*\d*(?:\.\d+)?((?:hh|h|ll|l)?[diouxXcsp]|r[xh]?)/g;

function printedInText(where: string, given: string): Printed[] {
  // Quoted for a shell, or in a template.
  const text = given.replaceAll('\\"', '"').replaceAll('\\\\n', '\\n');
  return [...text.matchAll(CLAUSE)].flatMap(([, kind, target, action]) => {
    const names = target!.split(':');
    // The function of a probe is `smtp_session__start`.
    const probe = kind === 'usdt' ? names.slice(-2).join(':') : names.at(-1)!.replace('_', ':');
    return [...action!.matchAll(PRINTF)].flatMap(([, format, list]) => {
      const conversions = [...format!.matchAll(CONVERSION)].flatMap(([, conversion]) => conversion ?? []);
      const values = splitList(list!);
      assert.equal(values.length, conversions.length, `${where}: ${format} ${list}`);
      return conversions.map((conversion, index) => ({ where, probe, conversion, value: values[index]! }));
    });
  });
}

/** `, a, f(b, c)`: what is between the commas that are in no parentheses. */
function splitList(list: string): string[] {
  const values = [''];
  let depth = 0;
  for (const character of list) {
    if (character === ',' && depth === 0) {
      values.push('');
      continue;
    }
    if (character === '(' || character === '[') depth++;
    if (character === ')' || character === ']') depth--;
    values[values.length - 1] += character;
  }
  return values.slice(1).map((value) => value.trim());
}
