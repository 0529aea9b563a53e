// The mail server of the examples, which fires so many probes more for each recipient of a mail.
// Its first line is what `tell` tells.
//   node mail.js FOLDER PROBES
import { makeSteps, tell } from './steps.js';

const [, , store, count] = process.argv;
const { startServer }: typeof import('@sonde/example-mailserver/server') = await import(
  '@sonde/example-mailserver/server'
);
const steps = makeSteps(Number(count));
const quota = {
  take(recipient: string, _id: string, bytes: number) {
    for (const step of steps) step.fire(recipient, bytes);
    return true;
  },
  summary: () => ({ mails: 0, bytes: 0 }),
  close() {},
};
const { port } = await startServer({ port: 0, store: store!, quota });
await tell(port);
