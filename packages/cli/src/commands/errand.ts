// What `sonde attach` starts (attach/errand.ts). It is not for people.
import { type Errand, type Report, runErrand } from '../attach/errand.js';

/** @param text the errand, as JSON */
export async function errand(text: string): Promise<void> {
  // Whatever ends the command does not end this.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {});
  const report = (each: Report) => process.stdout.write(`${JSON.stringify(each)}\n`);
  await runErrand(JSON.parse(text) as Errand, report);
}
