import { strip } from '@sonde/strip';

export type { Options } from '@sonde/strip';

/** The plugin for webpack. */
export const plugin = strip.webpack;

export default plugin;
