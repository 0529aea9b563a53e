// Diagnostics, silent unless DEBUG names them: DEBUG=sonde:*
import createDebug from 'debug';

/** One logger for each area of sonde, after `sonde:`. */
export const log = (area: string) => createDebug(`sonde:${area}`);
