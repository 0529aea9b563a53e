// What is to have probes in its functions, and whether anything is: package.json or the environment
// asks for it, and the environment wins. A setting that means nothing is noted, for status(), and
// passed over: a program must not fail to start because of it.
import { applicationManifest } from 'sonde/internal';
import { DEFAULT_PATTERNS } from './files.js';
import type { Returns } from './transform.js';

export interface FunctionOptions {
  /** Whether probes are put into functions when a file is loaded: unless somebody asks, they are not. */
  at: 'load' | 'off';
  /** Of files, relative to `root`; `!` before one takes files out. */
  patterns: readonly string[];
  returns: Returns;
}

export interface FunctionSettings extends FunctionOptions {
  /** The application's folder: that of its package.json, or the working directory. */
  root: string;
  /** Settings that were passed over, and why. */
  ignored: string[];
}

const ON = ['on', '1'];
const OFF = ['off', '0'];
const RETURNS = ['exact', 'fast'] as const;

export const DEFAULTS: FunctionOptions = { at: 'off', patterns: DEFAULT_PATTERNS, returns: 'fast' };

/**
 * The settings of this process: `SONDE_FUNCTIONS` and `SONDE_FUNCTIONS_RETURNS` before `sonde.functions` in the application's package.json before the
 * defaults.
 */
export function readSettings(
  manifest: { path: string; text: string } | null = applicationManifest() ?? null,
  env: Readonly<Record<string, string | undefined>> = process.env,
): FunctionSettings {
  const { dirname } = process.getBuiltinModule('node:path');
  const ignored: string[] = [];
  const root = manifest ? dirname(manifest.path) : workingDirectory();
  return {
    root,
    ignored,
    ...DEFAULTS,
    ...(manifest && fromManifest(manifest, ignored)),
    ...fromEnvironment(env, ignored),
  };
}

/** There may be none any more. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}

function fromManifest({ path, text }: { path: string; text: string }, ignored: string[]): Partial<FunctionOptions> {
  let value: unknown;
  try {
    value = JSON.parse(text)?.sonde?.functions;
  } catch {
    return {};
  }
  const where = `sonde.functions in ${path}`;
  if (value === undefined) return {};
  if (typeof value === 'boolean') return { at: value ? 'load' : 'off' };
  if (isPatterns(value)) return { at: 'load', patterns: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    ignored.push(
      `${where} is ${JSON.stringify(value)}; it must be a list of patterns, true, false, or an object: { "files": ["src/**"], "returns": "fast" }`,
    );
    return {};
  }
  const { files, returns, ...others } = value as Record<string, unknown>;
  for (const other of Object.keys(others)) {
    ignored.push(`${where} has ${JSON.stringify(other)}; it may have files and returns: leave it out`);
  }
  const patterns = isPatterns(files) ? files : undefined;
  if (files !== undefined && !patterns) {
    ignored.push(`files of ${where} is ${JSON.stringify(files)}; it must be a list of patterns: ["src/**"]`);
  }
  return {
    at: 'load',
    ...(patterns && { patterns }),
    ...oneOf('returns', RETURNS, `returns of ${where}`, returns, ignored),
  };
}

function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  ignored: string[],
): Partial<FunctionOptions> {
  const { SONDE_FUNCTIONS, SONDE_FUNCTIONS_RETURNS } = env;
  return {
    ...(SONDE_FUNCTIONS && named(SONDE_FUNCTIONS)),
    ...oneOf('returns', RETURNS, 'SONDE_FUNCTIONS_RETURNS', SONDE_FUNCTIONS_RETURNS || undefined, ignored),
  };
}

function named(functions: string): Partial<FunctionOptions> {
  if (OFF.includes(functions)) return { at: 'off' };
  return { at: 'load', ...(!ON.includes(functions) && { patterns: split(functions) }) };
}

export interface LiveSettings {
  /** Functions that are watched while they are traced. */
  names: string[];
  /** Of one core, that the breakpoints of one such function may take. */
  share: number;
  ignored: string[];
}

export const DEFAULT_SHARE = 0.1;

/** `SONDE_LIVE` and `SONDE_LIVE_SHARE`. */
export function readLiveSettings(env: Readonly<Record<string, string | undefined>> = process.env): LiveSettings {
  const { SONDE_LIVE, SONDE_LIVE_SHARE } = env;
  const ignored: string[] = [];
  const share = SONDE_LIVE_SHARE ? Number(SONDE_LIVE_SHARE) : DEFAULT_SHARE;
  if (!isShare(share)) {
    ignored.push(
      `SONDE_LIVE_SHARE is ${JSON.stringify(SONDE_LIVE_SHARE)}; it must be above 0 and not above 1, such as 0.1`,
    );
  }
  return { names: split(SONDE_LIVE ?? ''), share: isShare(share) ? share : DEFAULT_SHARE, ignored };
}

export const isShare = (share: unknown): share is number => typeof share === 'number' && share > 0 && share <= 1;

function oneOf<Key extends string, Value extends string>(
  key: Key,
  values: readonly Value[],
  where: string,
  value: unknown,
  ignored: string[],
): { [key in Key]?: Value } {
  if (value === undefined) return {};
  if (values.includes(value as Value)) return { [key]: value } as { [key in Key]: Value };
  ignored.push(`${where} is ${JSON.stringify(value)}; it must be ${values.join(', ')}, or left out`);
  return {};
}

const isPatterns = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((pattern) => typeof pattern === 'string' && pattern !== '');

/** At commas, but for those in braces. */
function split(list: string): string[] {
  return (list.match(/(?:\{[^}]*\}|[^,])+/g) ?? [])
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== '');
}
