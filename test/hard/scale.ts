// How much of everything a run does: `npm run suite -- hard --minutes 60` does twelve times as much
// as without --minutes.

/** What scripts/suite.mjs gives; 1 where a test is run by mocha alone. */
const SCALE = Number(process.env.SONDE_SUITE_SCALE ?? 1);

/** How many there are of something of which the default run has `essence`; at least one. */
export function scaled(essence: number): number {
  return Math.max(1, Math.round(essence * SCALE));
}
