// Programs that know nothing of sonde: what they do, and what can be seen of them, is the same with
// @sonde/node loaded, and when a tracer that was attached to all of its probes has left.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { CalledProgram } from '../support/called-program.js';
import { needsPackage } from '../support/npm-packages.js';
import { RawTracer } from '../support/raw-tracer.js';
import { REGISTER } from '../support/runtime-program.js';
import { needsRoot } from '../support/tools.js';
import { ALLOWED, REWRITTEN } from './allowed-differences.js';
import { Goals } from './goals.js';
import type { Seen } from './real/seen.js';
import type { Commands, State } from './real-program.js';

/** In the place of @sonde/node: a program with an `--import` is another than one without. */
const NOTHING = 'data:text/javascript,';
const PROGRAM = fileURLToPath(new URL('real-program.js', import.meta.url));
const PROGRAMS = [
  'express',
  'fastify',
  'ws',
  'undici',
  'mail',
  'typescript',
  'prettier',
  'mocha',
  'esbuild',
  'streams',
  'cluster',
  'order',
];
/** Which they need and the repository does not have, and the file that is required. */
const PACKAGES: Record<string, [specifier: string, file: string]> = {
  express: ['express@5', 'express/index.js'],
  fastify: ['fastify@5', 'fastify/fastify.js'],
  ws: ['ws@8', 'ws/index.js'],
  undici: ['undici@7', 'undici/index.js'],
  typescript: ['typescript@5.9', 'typescript/lib/typescript.js'],
  prettier: ['prettier@3', 'prettier/index.cjs'],
};

/** Until all that a tracer asks for is on: it reads the object first, so it is noticed within 100 ms. */
const COMING_MS = 500;
/**
 * Until all is off: names of functions stay for five seconds, for tracers that print when they end.
 */
const LEAVING_MS = 6000;

const AT_ONCE = 3;

/** A process from its start to its end. */
interface Life {
  /** What it did before, while and after a tracer was attached, or three times without one. */
  runs: Seen[];
  state: State;
  exit: unknown;
  errors: string;
}

type Lives = [plain: Life, loaded: Life, traced: Life];

describe('A real program is the same', () => {
  let folder: string;
  const lives = new Map<string, Promise<Lives>>();
  /** Each runs some of them, one after the other. */
  const lanes = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  before('starts all of them', function () {
    needsRoot(this);
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-real-')));
    const packages: Record<string, string> = {};
    for (const [name, [specifier, file]] of Object.entries(PACKAGES))
      packages[name] = needsPackage(this, specifier, file);
    PROGRAMS.forEach((name, index) => {
      const program = new RealProgram(name, folder, packages);
      const all = lanes[index % AT_ONCE]!.then(() => program.liveThrice());
      lives.set(name, all);
      lanes[index % AT_ONCE] = all.then(
        () => {},
        () => {},
      );
    });
  });
  after(async () => {
    await Promise.all(lanes);
    rmSync(folder, { recursive: true, force: true });
  });

  for (const name of PROGRAMS) {
    it(`with @sonde/node loaded, and when a tracer of all its probes has left: ${name}`, async () => {
      const [plain, loaded, traced] = await lives.get(name)!;
      const goals = new Goals();
      const differences = [...compare(goals, 'loaded', plain, loaded), ...compare(goals, 'traced', plain, traced)];
      goals.check(differences.join('\n'));
    });
  }
});

class RealProgram {
  private readonly name: string;
  private readonly objects: string;
  private readonly packages: Record<string, string>;

  constructor(name: string, folder: string, packages: Record<string, string>) {
    this.name = name;
    // Each has a probe object of its own, so that it is traced by itself.
    this.objects = join(folder, name, 'objects');
    this.packages = packages;
  }

  async liveThrice(): Promise<Lives> {
    return [await this.live(NOTHING), await this.live(REGISTER), await this.live(REGISTER, { traced: true })];
  }

  /** @param preloaded what is imported before the program */
  private async live(preloaded: string, { traced = false } = {}): Promise<Life> {
    const environment = {
      NODE_OPTIONS: `--import ${preloaded}`,
      SONDE_DIR: this.objects,
      SONDE_TEST_PROGRAM: this.name,
      SONDE_TEST_PACKAGES: JSON.stringify(this.packages),
    };
    const program = new CalledProgram<Commands>(PROGRAM, environment, { execArgv: ['--expose-gc'] });
    const releases: (() => unknown)[] = [() => program.kill()];
    try {
      await program.call('load');
      const runs = [await program.call('run')];
      if (traced) {
        const defer = (release: () => unknown) => releases.push(release);
        const tracer = RawTracer.place({ defer }, realpathSync(join(this.objects, 'node.so')), 'node');
        tracer.turn(true);
        await setTimeout(COMING_MS);
        runs.push(await program.call('run'));
        tracer.turn(false);
        await setTimeout(LEAVING_MS);
      } else {
        runs.push(await program.call('run'));
      }
      runs.push(await program.call('run'));
      const state = await program.call('state');
      return { runs, state, exit: await program.end(), errors: program.errors };
    } finally {
      for (const release of releases.reverse()) await release();
    }
  }
}

/** Prints how many things differ; which. */
function compare(goals: Goals, how: string, plain: Life, other: Life): string[] {
  const differences: string[] = [];
  let [compared, allowed] = [0, 0];
  const same = (what: string, expected: unknown, actual: unknown) => {
    compared++;
    if (!isDeepStrictEqual(expected, actual)) differences.push(`${what}: ${inspect(expected, actual)}`);
  };
  plain.runs.forEach(({ results, listeners }, index) => {
    const when = ['before', 'meanwhile', 'after'][index];
    const text = (seen: unknown) => rewritten(seen, when === 'meanwhile');
    same(`results ${when}`, text(results), text(other.runs[index]!.results));
    // A tracer may listen while it is there.
    if (when !== 'meanwhile') same(`listeners ${when}`, listeners, other.runs[index]!.listeners);
  });
  same('exit', plain.exit, other.exit);
  const withoutNumber = (errors: string) => errors.replace(/\(node:\d+\)/g, '(node)');
  same('errors', withoutNumber(plain.errors), withoutNumber(other.errors));
  for (const [where, items] of Object.entries(plain.state)) {
    compared += items.length;
    const found = other.state[where]!;
    const different = [
      ...without(found, items).map((item) => `+${item}`),
      ...without(items, found).map((item) => `-${item}`),
    ];
    for (const what of different) {
      if (ALLOWED.some((each) => each.where === where && each.what.test(what))) allowed++;
      else differences.push(`${where}: ${what}`);
    }
  }
  goals.add(`${how}, ${compared.toLocaleString('en')} things compared, ${allowed} differences that are allowed`, {
    name: 'others',
    measured: differences.length,
    exactly: 0,
  });
  return differences.map((difference) => `${how}: ${difference}`);
}

function rewritten(results: unknown, isTraced: boolean): string {
  const rules = REWRITTEN.filter(({ whileTraced }) => isTraced || !whileTraced);
  return rules.reduce((text, { what, by }) => text.replace(what, by), JSON.stringify(results));
}

/** What is left of a list when each item of another is taken out once. */
function without(list: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return list.filter((item) => {
    const at = left.indexOf(item);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Both, from where they begin to differ. */
function inspect(expected: unknown, actual: unknown): string {
  const [one, other] = [JSON.stringify(expected), JSON.stringify(actual)];
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const from = Math.max(0, at - 100);
  return `${one.slice(from, at + 200)}\n    and not\n${other.slice(from, at + 200)}`;
}
