import { strip } from '@sonde/strip';

export type { Options } from '@sonde/strip';

/** The plugin for rollup. */
export const plugin = strip.rollup;

export default plugin;
