// Has `sonde` register its backends. The providers here are made by a core of their own, which is
// in this file's bundle, and which needs nothing: so where `sonde` cannot be loaded, the program
// runs on, and its probes are inactive.
import { SondeError, type Status, status } from '@sonde/core';
import { log } from '@sonde/core/internal';

const debug = log('dtrace-provider');

let isLoaded = false;

/** Loads `sonde`, if it is not there yet. */
export function attach(): void {
  try {
    load();
  } catch (error) {
    debug('probes are inactive until the application imports sonde, which could not be loaded: %s', error);
  }
}

/**
 * The same, where probes must work.
 *
 * @throws {SondeError} SONDE_BACKEND when no backend can run that tracers see
 */
export function attachOrThrow(): void {
  const required = 'NODE_DTRACE_PROVIDER_REQUIRE=hard';
  let found: Status;
  try {
    load();
    found = status();
  } catch (cause) {
    throw new SondeError('SONDE_BACKEND', `sonde cannot be loaded: ${(cause as Error).message} (${required})`, {
      cause,
    });
  }
  if (found.backend !== 'noop') return;
  const reason = found.reason ?? 'the backend noop was asked for';
  throw new SondeError('SONDE_BACKEND', `no backend that tracers see can run: ${reason} (${required})`);
}

function load(): void {
  if (isLoaded) return;
  require('sonde');
  isLoaded = true;
}
