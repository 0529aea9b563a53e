import { strip } from '@sonde/strip';

export type { Options } from '@sonde/strip';

/** The plugin for rolldown. */
export const plugin = strip.rolldown;

export default plugin;
