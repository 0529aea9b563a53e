import { strip } from '@sonde/strip';

export type { Options } from '@sonde/strip';

/** The plugin for rspack. */
export const plugin = strip.rspack;

export default plugin;
