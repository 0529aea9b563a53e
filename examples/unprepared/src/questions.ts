// Asks a mail server that was prepared for nothing what somebody wanted to know of one, a line each,
// while it serves mail. As root:
//
//   npm run questions [-- --commonjs]
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { atEnd, end, endOnSignals } from '@sonde/example-mailserver/ending';
import { Asking } from './asking.js';
import { MISS } from './misses.js';
import { Clients, ServerProcess } from './server-process.js';

/** The commands of a question run at the same time. */
const QUESTIONS: readonly (readonly [sentence: string, ...commands: string[]])[] = [
  [
    'Which function causes database misses, and so real reads from the disk?',
    `flame PID --attach --on ${MISS} --duration 2s`,
  ],
  ['How long do SMTP transactions take?', 'functions PID receive --duration 3s'],
  [
    'Which function, and even which thread?',
    'functions PID receive Store.find --duration 3s',
    'count node:function-entry --by tid,function --process PID --duration 3s',
  ],
  ['Monitor garbage collections.', 'top PID gc --attach --every 1min --duration 2s'],
  [
    'How often is the database so slow that the server connects to it anew, and does the transaction again?',
    'functions PID reconnect --duration 4s',
  ],
  [
    'Relate network activity with disk activity.',
    'hist node:net-stream-end.bytesIn --process PID --attach --duration 2s',
    'flame PID --on uprobe:libc:fdatasync --duration 2s',
  ],
];

const CLIENTS = 4;
/** Of what a command prints: one title and so many stacks. */
const MOST_PARTS = 3;

const { values: options } = parseArgs({ options: { commonjs: { type: 'boolean', default: false } } });
endOnSignals();
try {
  const missing = whatIsMissing();
  if (missing !== undefined) throw new Error(missing);
  await askAll();
  await end(0);
} catch (error) {
  console.error((error as Error).message);
  await end(1);
}

async function askAll(): Promise<void> {
  const server = await ServerProcess.start(options.commonjs ? 'commonjs' : 'module');
  atEnd(() => server.remove());
  const { pid } = server;
  const clients = new Clients(server.port);
  clients.start(CLIENTS);
  atEnd(() => clients.stop().catch(() => {}));
  console.log(`A mail server runs: process ${pid}. Nothing of it is prepared, and it is not told of anything.`);
  const rates: [when: string, mails: number][] = [];
  // It compiles, and its database grows.
  await sleep(2000);
  const perSecond = async <Result>(when: string, meanwhile: Promise<Result>): Promise<Result> => {
    const [before, began] = [await server.counts(), performance.now()];
    const result = await meanwhile;
    const { mails } = await server.counts();
    rates.push([when, Math.round(((mails - before.mails) * 1000) / (performance.now() - began))]);
    return result;
  };
  await perSecond('before', sleep(2000));
  for (const [sentence, ...lines] of QUESTIONS) {
    console.log(`\n# ${sentence}`);
    const commands = lines.map((line) => line.replace('PID', String(pid)));
    const answers = await perSecond(
      sentence,
      Promise.all(commands.map((each) => new Asking(each.split(' ')).answer())),
    );
    for (const [index, { status, output, remarks }] of answers.entries()) {
      console.log(`$ npx sonde ${commands[index]}\n${remarks}\n${shortened(output)}`);
      if (status !== 0) throw new Error(`sonde ended with ${status}`);
    }
  }

  console.log('\n# Any effect vanishes as soon as the monitoring is stopped.');
  const { status, output, remarks } = await new Asking(['detach', String(pid)]).answer();
  console.log(`$ npx sonde detach ${pid}\n${remarks}${output}`);
  if (status !== 0) throw new Error(`sonde ended with ${status}`);
  await perSecond('after', sleep(2000));
  await clients.stop();
  const ports = await server.listens();
  if (ports.join() !== String(server.port)) throw new Error(`it listens on ${ports.join()}`);
  console.log(`It listens on port ${ports.join()} for mail, and on no other.`);

  console.log('\n# The mail server keeps working. Mails a second:');
  for (const [when, mails] of rates) console.log(`${String(mails).padStart(5)}  ${when}`);
  const counts = await server.counts();
  await server.end();
  const copies = await server.copies(counts);
  const { mails, transactions, reconnections } = counts;
  console.log(
    `By its own count, these were ${mails} mails, ${transactions} transactions with the database, and ${reconnections} reconnections.\nIn its mailboxes are ${copies} copies, each as it was sent.`,
  );
}

function shortened(output: string): string {
  const parts = output.split('\n\n');
  return parts.length > MOST_PARTS ? `${parts.slice(0, MOST_PARTS).join('\n\n')}\n\n…` : output;
}

function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, and the command sonde is for Linux`;
  if (process.getuid!() !== 0)
    return 'this user is not root, who alone may trace functions of the kernel and of libraries';
  const hasTool = ['perf', 'bpftrace'].some((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0);
  return hasTool ? undefined : 'neither perf nor bpftrace is installed, one of which records stacks';
}
