// Which backend runs: decided once for each thread, when the first provider is defined.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BACKEND_NAMES, type Backend, type BackendName } from './backend.js';
import { isAllowed, variable } from './deno.js';
import { messageOf, printable, SondeError, show } from './errors.js';
import { log } from './log.js';
import { MAIN_FILE } from './main-file.js';
import { type Loader, type LoadResult, reload, setLoader } from './registry.js';
import { isBuildingSnapshot } from './snapshot.js';

const debug = log('select');

export interface Backends {
  /**
   * How each backend that this installation has is made; throws with the reason when it cannot run
   * here.
   */
  readonly table: Readonly<Partial<Record<BackendName, () => Backend>>> & { readonly noop: () => Backend };
  /** What the build was configured for: `auto` or the name of a backend. */
  buildDefault(): string;
}

/** Where a choice of backend can be made, the later before the earlier. */
export interface Settings {
  /**
   * What the build was configured for: `auto` or the name of a backend, which is the default, and
   * all there is.
   */
  buildDefault(): string;
  /** The application's package.json as text, and where it is; undefined when there is none. */
  manifest: { path: string; text: string } | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** As process.platform has it. */
  platform: string;
}

export interface Selection {
  /** What runs. */
  backend: BackendName;
  /** What was asked for: a backend's name, or `auto`. */
  requested: string;
  /** Why it is not what was asked for, or which setting was ignored. */
  reason?: string;
}

/**
 * Makes backends available to all providers of this thread, whichever copy of the core they come
 * from.
 */
export function registerBackends(backends: Backends): void {
  let selected: (Selection & { implementation: Backend }) | undefined;
  let building = isBuildingSnapshot(() => {
    building = false;
    reload();
  });
  const select = () => {
    if (!selected) {
      selected = selectBackend(backends.table, {
        buildDefault: backends.buildDefault,
        manifest: applicationManifest(),
        env: { SONDE_BACKEND: variable('SONDE_BACKEND'), SONDE_REQUIRE: variable('SONDE_REQUIRE') },
        platform: process.platform,
      });
      const { backend, requested, reason } = selected;
      debug('%s was asked for, %s runs%s', requested, backend, reason ? `: ${reason}` : '');
    }
    return selected;
  };
  const loader: Loader = {
    selection() {
      if (building) return { backend: 'noop', requested: 'auto', reason: BUILDING_SNAPSHOT };
      const { backend, requested, reason } = select();
      return { backend, requested, ...(reason !== undefined && { reason }) };
    },
    load: (definition) => (building ? { reason: BUILDING_SNAPSHOT } : loadWith(select().implementation, definition)),
  };
  setLoader(loader);
}

const BUILDING_SNAPSHOT =
  'a snapshot was being built: the probes come alive in a process that starts from it, once its main function has returned';

/** Pure but for what making a backend does. Throws only under `SONDE_REQUIRE=1`. */
export function selectBackend(table: Backends['table'], settings: Settings): Selection & { implementation: Backend } {
  const ignored: string[] = [];
  const required = isRequired(settings.env, ignored);
  const requested = request(settings, ignored);
  if (required && ignored.length > 0) throw new SondeError('SONDE_CONFIG', ignored.join('; '));
  if (requested === 'noop') return result('noop', table.noop());
  const built = settings.buildDefault();
  const own = isBackend(built) && built !== 'noop' ? built : automatic(settings.platform);
  const wanted = requested === 'auto' ? own : requested;
  try {
    if (isBackend(built) && built !== wanted) {
      throw new Error(
        `sonde was built for ${built} alone, and ${wanted} was left out: npx @sonde/compile makes it anew`,
      );
    }
    const make = table[wanted];
    if (!make) throw new Error(`this build of sonde has no ${wanted} backend, only ${Object.keys(table).join(', ')}`);
    return result(wanted, make());
  } catch (error) {
    const why = `${wanted} cannot run: ${messageOf(error)}`;
    if (required && requested !== 'auto')
      throw new SondeError('SONDE_BACKEND', `${why} (SONDE_REQUIRE=1)`, { cause: error });
    ignored.push(why);
    return result('noop', table.noop());
  }

  function result(backend: BackendName, implementation: Backend) {
    return { backend, requested, implementation, ...(ignored.length > 0 && { reason: printable(ignored.join('; ')) }) };
  }
}

const isBackend = (name: unknown): name is BackendName => BACKEND_NAMES.includes(name as BackendName);

function isRequired(env: Settings['env'], ignored: string[]): boolean {
  const value = env.SONDE_REQUIRE ?? '';
  if (value !== '' && value !== '0' && value !== '1') {
    ignored.push(`SONDE_REQUIRE is ${show(value)}; it must be 1 or 0, or unset`);
  }
  return value === '1';
}

/** The latest setting that says something; what means nothing is noted and passed over. */
function request({ buildDefault, manifest, env }: Settings, ignored: string[]): 'auto' | BackendName {
  const sources: [string, () => unknown][] = [
    ['SONDE_BACKEND', () => env.SONDE_BACKEND || undefined],
    [`sonde.backend in ${manifest?.path}`, () => manifest && fromManifest(manifest, ignored)],
    ['the backend that sonde was built for', buildDefault],
  ];
  for (const [where, read] of sources) {
    const value = read();
    if (value === undefined) continue;
    if (value === 'auto' || isBackend(value)) return value;
    ignored.push(`${where} is ${show(value)}; it must be auto, ${BACKEND_NAMES.join(', ')}, or unset`);
  }
  return 'auto';
}

function fromManifest({ path, text }: NonNullable<Settings['manifest']>, ignored: string[]): unknown {
  let sonde: unknown;
  try {
    sonde = JSON.parse(text)?.sonde;
  } catch {
    // Not ours to complain about: Node.js itself and every package manager do.
    return undefined;
  }
  if (sonde === undefined) return undefined;
  if (typeof sonde === 'object' && sonde !== null && !Array.isArray(sonde))
    return (sonde as { backend?: unknown }).backend;
  ignored.push(`sonde in ${path} is ${show(sonde)}; it must be an object: { "backend": "auto" }`);
  return undefined;
}

function automatic(platform: string): BackendName {
  switch (platform) {
    case 'sunos':
    case 'darwin':
    case 'freebsd':
      return 'dtrace';
    case 'linux':
      return 'systemtap';
    default:
      return 'noop';
  }
}

/**
 * The nearest package.json above the program's main file, symbolic links resolved as Node.js does.
 * Above the working directory where there is no such file: under `node -e`, and while a worker
 * thread runs what `--require` names.
 */
export function applicationManifest(main: string | undefined = MAIN_FILE): Settings['manifest'] {
  if (!isAllowed({ name: 'read' })) return undefined;
  let folder: string;
  try {
    // Node.js's own, in JavaScript, takes five times as long in a process that has not used it.
    folder = main === undefined ? process.cwd() : dirname(realpathSync.native(main));
  } catch {
    return undefined;
  }
  for (;;) {
    const path = join(folder, 'package.json');
    try {
      return { path, text: readFileSync(path, 'utf8') };
    } catch {
      const parent = dirname(folder);
      if (parent === folder) return undefined;
      folder = parent;
    }
  }
}

function loadWith(backend: Backend, definition: Parameters<Backend['load']>[0]): LoadResult {
  try {
    const loaded = backend.load(definition);
    debug('provider %s is at %s', definition.name, loaded.location ?? '(nowhere)');
    return { loaded };
  } catch (error) {
    const reason = printable(messageOf(error));
    debug('provider %s is inactive: %s', definition.name, reason);
    if (variable('SONDE_REQUIRE') === '1') {
      throw new SondeError(
        'SONDE_BACKEND',
        `provider ${show(definition.name)} cannot be loaded: ${reason} (SONDE_REQUIRE=1)`,
        {
          cause: error,
        },
      );
    }
    return { reason };
  }
}
