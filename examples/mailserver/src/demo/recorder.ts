// No tracer at all: the recorder that sonde has for programs' own tests, in the server's process.
import { addTo, type Histograms, lines } from './histogram.js';
import type { Attach } from './tracer.js';

const SHOWN = `import { record } from 'sonde/testing';

const recorder = record(); // in the server's own process
recorder.of('smtp', 'session__done');
recorder.of('smtp', 'delivery__done');`;

const POLL_MS = 50;

export const recorder: Attach = async (server, onSession) => {
  const histograms: Histograms = new Map();
  const take = async () => {
    for (const { probe, values } of await server.ask('takeFired')) {
      const { peer, bytes, mails, domain, ns } = values;
      if (probe === 'session__done') {
        onSession(
          `${String(peer).padEnd(12)} ${String(bytes).padStart(8)} bytes in ${String(mails).padStart(2)} mails`,
        );
      } else if (probe === 'delivery__done') {
        addTo(histograms, String(domain), Number(ns));
      }
    }
  };
  await server.ask('startRecorder');
  // A failure here is the server's end, and that shows elsewhere.
  const polling = setInterval(() => take().catch(() => {}), POLL_MS);
  return {
    shown: SHOWN,
    caution: 'a little pessimistic, since what is recorded costs something',
    async detach() {
      clearInterval(polling);
      await take();
      await server.ask('stopRecorder');
      return lines(histograms);
    },
  };
};
