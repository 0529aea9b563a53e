import * as sonde from 'sonde';
import * as internal from 'sonde/internal';
import * as resident from './resident.js';

/**
 * The name of that file, which scripts/bundle.mjs puts here. It contains the package's version: a
 * deploy may replace the files while the program runs, and the two files must fit together.
 */
declare const REST_FILE: string;

/**
 * Loads what few processes need (rest.ts): in CommonJS, as Node.js has this package, a file of its
 * own, which says that it is there. Elsewhere it is in the same file as this.
 *
 * @returns what that file exports
 * @throws when it is not there any more
 */
export function loadRest(): unknown {
  loaded ??= internal.loadOwnFile(`${__dirname}/${REST_FILE}`, (request) => {
    if (Object.hasOwn(GIVEN, request)) return GIVEN[request];
    return process.getBuiltinModule(request);
  });
  return loaded;
}

let loaded: unknown;

const GIVEN: Record<string, unknown> = { sonde, 'sonde/internal': internal, './resident.cjs': resident };
