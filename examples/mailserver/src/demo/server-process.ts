// The mail server as the demo runs it: a process of its own, which answers the demo's questions
// about its probes.
//
//   node server-process.js FOLDER    (started by fork)
import { status } from 'sonde';
import { type Recorder, record } from 'sonde/testing';
import { startServer } from '../server.js';
import { disabledCost } from './cost.js';

let recorder: Recorder | undefined;

const answers = {
  status,
  disabledCost,
  startRecorder() {
    recorder = record();
  },
  /** What was fired since the last time. */
  takeFired() {
    const fired = [...(recorder?.fired ?? [])];
    recorder?.clear();
    return fired;
  },
  stopRecorder() {
    recorder?.stop();
  },
};

export type Answers = { [Question in keyof typeof answers]: ReturnType<(typeof answers)[Question]> };

// However the demo ends, this ends with it. Ctrl-C reaches both, but the demo still has to detach
// its tracer.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
if (!process.connected) process.exit();

const { port } = await startServer({ port: 0, store: process.argv[2]! });
process.on('message', ({ id, question }: { id: number; question: keyof Answers }) => {
  process.send!({ id, answer: answers[question]() });
});
process.send!({ port });
