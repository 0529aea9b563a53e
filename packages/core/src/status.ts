import type { BackendName } from './backend.js';
import { getLoader, type ProviderStatus, providers } from './registry.js';

export interface Status {
  /** The backend that runs. */
  backend: BackendName;
  /** What was asked for: by SONDE_BACKEND, package.json or the build. */
  requested: string;
  /** Why `backend` is not what was asked for, or which setting was ignored. */
  reason?: string;
  /** The providers of this thread that were not unloaded, of all copies of `@sonde/core`. */
  providers: ProviderStatus[];
}

/**
 * Tells which backend runs and why, and what a tracer needs to know of each provider and probe. A
 * snapshot.
 */
export function status(): Status {
  const selection = getLoader()?.selection() ?? {
    backend: 'noop',
    requested: 'auto',
    reason: "no backend is registered: the application does not import 'sonde'",
  };
  return { ...selection, providers: providers().map((provider) => provider.status()) };
}
