import { strip } from '@sonde/strip';

export type { Options } from '@sonde/strip';

/** The plugin for esbuild. */
export const plugin = strip.esbuild;

export default plugin;
