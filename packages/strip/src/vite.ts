import { strip } from '@sonde/strip';

export type { Options } from '@sonde/strip';

/** The plugin for vite. */
export const plugin = strip.vite;

export default plugin;
