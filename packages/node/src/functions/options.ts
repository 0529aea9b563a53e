// What is to have probes in its functions, and whether anything is: package.json or the environment
// asks for it, and the environment wins. A setting that means nothing is noted, for status(), and
// passed over: a program must not fail to start because of it.
import { applicationManifest } from 'sonde/internal';
import { DEFAULT_PATTERNS } from './files.js';
import type { Returns } from './transform.js';

export interface FunctionOptions {
  /**
   * When the probes are put in. `load`: when the file is loaded. `live`: when a tracer attaches to
   * `function__entry`, and taken out when it leaves; there are no returns then. `off`, unless
   * somebody asks: never.
   */
  at: 'load' | 'live' | 'off';
  /** Of files, relative to `root`; `!` before one takes files out. */
  patterns: readonly string[];
  returns: Exclude<Returns, 'none'>;
}

export interface FunctionSettings extends FunctionOptions {
  /** The application's folder: that of its package.json, or the working directory. */
  root: string;
  /** Settings that were passed over, and why. */
  ignored: string[];
}

const AT = ['load', 'live', 'off'] as const;
const ON = ['on', '1'];
const OFF = ['off', '0'];
const RETURNS = ['exact', 'fast'] as const;

export const DEFAULTS: FunctionOptions = { at: 'off', patterns: DEFAULT_PATTERNS, returns: 'fast' };

/**
 * The settings of this process: `SONDE_FUNCTIONS`, `SONDE_FUNCTIONS_AT` and
 * `SONDE_FUNCTIONS_RETURNS` before `sonde.functions` in the application's package.json before the
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
      `${where} is ${JSON.stringify(value)}; it must be a list of patterns, true, false, or an object: { "files": ["src/**"], "at": "load", "returns": "fast" }`,
    );
    return {};
  }
  const { files, at, returns, ...others } = value as Record<string, unknown>;
  for (const other of Object.keys(others)) {
    ignored.push(`${where} has ${JSON.stringify(other)}; it may have files, at and returns: leave it out`);
  }
  const patterns = isPatterns(files) ? files : undefined;
  if (files !== undefined && !patterns) {
    ignored.push(`files of ${where} is ${JSON.stringify(files)}; it must be a list of patterns: ["src/**"]`);
  }
  return {
    at: 'load',
    ...(patterns && { patterns }),
    ...oneOf('at', AT, `at of ${where}`, at, ignored),
    ...oneOf('returns', RETURNS, `returns of ${where}`, returns, ignored),
  };
}

function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  ignored: string[],
): Partial<FunctionOptions> {
  const { SONDE_FUNCTIONS, SONDE_FUNCTIONS_AT, SONDE_FUNCTIONS_RETURNS } = env;
  return {
    ...(SONDE_FUNCTIONS && named(SONDE_FUNCTIONS)),
    ...oneOf('at', AT, 'SONDE_FUNCTIONS_AT', SONDE_FUNCTIONS_AT || undefined, ignored),
    ...oneOf('returns', RETURNS, 'SONDE_FUNCTIONS_RETURNS', SONDE_FUNCTIONS_RETURNS || undefined, ignored),
  };
}

function named(functions: string): Partial<FunctionOptions> {
  if (OFF.includes(functions)) return { at: 'off' };
  return { at: 'load', ...(!ON.includes(functions) && { patterns: split(functions) }) };
}

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
