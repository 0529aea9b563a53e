// The names by which programs know sonde.
import { fileURLToPath } from 'node:url';

/** Whether an import leads to the packages that define probes. */
export const isSonde = (specifier: string) => /^(sonde|@sonde\/core)(\/internal)?$/.test(specifier);

export const isTesting = (specifier: string) => specifier === 'sonde/testing' || specifier === '@sonde/core/testing';

const DEFINERS = new Set([
  ...['provider', 'operation', 'boolean', 'string', 'json', 'bytes', 'stack'],
  ...['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'],
]);

/** Whether a function of sonde makes a definition or a part of one, and does nothing else. */
export const isDefiner = (name: string) => DEFINERS.has(name);

/** Where `sonde` and `@sonde/core` lead in a stripped bundle. */
export const NOOP = fileURLToPath(new URL('./noop.js', import.meta.url)).replaceAll('\\', '/');
