// Node.js can start a program from a snapshot of its heap. The program runs a first time to make
// it, up to where it waits for a main function: its providers are defined then, on another machine
// perhaps, and live on in every process that starts from the snapshot. Native memory does not: a
// view over it ends the making with a fatal error.

/**
 * Whether this run makes a snapshot. If so, `resume` is called in each process that starts from it,
 * when the synchronous part of its main function is over.
 */
export function isBuildingSnapshot(resume: () => void): boolean {
  // Node.js takes 5 ms to hand out node:v8, more than all of sonde: so it is asked only where the
  // options, which NODE_OPTIONS cannot give, are such that it may say yes. A single executable can
  // start from a snapshot as well.
  if (!process.execArgv.some((option) => /^--(build|experimental)[-_](snapshot|sea)/.test(option))) return false;
  const { startupSnapshot } = process.getBuiltinModule('node:v8');
  if (!startupSnapshot.isBuildingSnapshot()) return false;
  // Not at once: until it comes to the main function, Node.js is not ready to load JavaScript, and
  // ends when it finds that somebody did.
  startupSnapshot.addDeserializeCallback(() => process.nextTick(resume));
  return true;
}
