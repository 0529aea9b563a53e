// The demo: the mail server serves real mail, a tracer looks into it while it does, and leaves no
// trace of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { sendTraffic } from './client.js';
import { readOptions, UsageError } from './command-line.js';
import { runSonde } from './demo/command.js';
import { atEnd, end, endOnSignals, isEnding } from './demo/ending.js';
import { Served } from './demo/served.js';
import { TRACERS, type TracerName, type Tracing } from './demo/tracer.js';

const HELP = `Traces a mail server while it serves mail, and shows what the tracer sees.

  npm run demo [-- --tracer=bpftrace|gdb|recorder]

  --tracer NAME  bpftrace (needs root), gdb, or recorder: sonde's own, in the server's process.
                 Default: the first of these that works here.
  --help         this text
`;

const SESSIONS = 8;
const TRAFFIC = { sessions: SESSIONS, mails: 14, pauseMs: 200 };
const LAST_LINE_WITHIN_MS = 2_000;
const DEMO_WITHIN_MS = 55_000;

const tracers = readOptions(HELP, { tracer: { type: 'string' } }, ({ tracer }) => {
  const names = Object.keys(TRACERS) as TracerName[];
  if (tracer === undefined) return names;
  const name = names.find((each) => each === tracer);
  if (!name) throw new UsageError(`--tracer is ${JSON.stringify(tracer)}; give ${names.join(', ')}, or leave it out`);
  return [name];
});

endOnSignals();
setTimeout(() => fail(`it is not done after ${DEMO_WITHIN_MS / 1000} s`), DEMO_WITHIN_MS).unref();
try {
  await end(await demo());
} catch (error) {
  await fail((error as Error).message);
}

/** Returns the status to end with. */
async function demo(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'mail-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const server = await Served.start(folder);
  print(
    `A mail server runs: process ${server.pid}, SMTP on 127.0.0.1:${server.port}, mailboxes in LevelDB.`,
    `Nobody traces it: ${await enabled(server)}.`,
    '',
  );

  let sessions = 0;
  const tracing = await attach(server, (line) => {
    sessions++;
    print(line);
  });
  if (!tracing) return 1;
  print(dim(tracing.shown), '', bold(`attached: ${await enabled(server)}`), '');

  await sendTraffic({ port: server.port, ...TRAFFIC });
  for (let waited = 0; sessions < SESSIONS && waited < LAST_LINE_WITHIN_MS; waited += 20) await sleep(20);

  const histograms = (await tracing.detach()).join('\n').trim();
  print(
    '',
    bold("nanoseconds per delivery, by the recipient's domain"),
    'archive.example compresses its mail, bank.example flushes it to the disk',
    `(${tracing.caution})`,
    '',
    histograms,
    '',
    bold(`detached: ${await enabled(server)}`),
  );

  const { fire, call } = await server.ask('disabledCost');
  print(
    `A probe that nobody traces costs ${fire.toFixed(1)} ns a fire, ${(fire / call).toFixed(2)} × the call of an empty ` +
      `function (${call.toFixed(1)} ns).`,
    'Measured just now in this server: medians of paired runs, over a bare loop.',
  );

  if (process.platform === 'linux') await showCommand(server);

  const { sessionDone, delivery } = await server.enabled();
  if (sessionDone || delivery) throw new Error('a probe stayed enabled');
  if (sessions !== SESSIONS) throw new Error(`${sessions} of ${SESSIONS} sessions were seen`);
  return 0;
}

/** The same questions, asked by the command `sonde`. */
async function showCommand(server: Served): Promise<void> {
  const mail = () => sendTraffic({ port: server.port, ...TRAFFIC, sessions: SESSIONS / 2 });
  const pid = String(server.pid);
  const questions: [string[], (() => Promise<void>)?][] = [
    [['list', pid, 'smtp']],
    [['count', 'smtp:recipient', '--by', 'domain', '--process', pid], mail],
    [['hist', 'smtp:delivery', '--where', 'domain == "bank.example"', '--process', pid], mail],
  ];
  print('', bold('the same in one line each, with the command sonde'));
  for (const [parameters, meanwhile] of questions) {
    const shown = parameters.map((each) => (/[ "]/.test(each) ? `'${each}'` : each)).join(' ');
    print('', `$ npx sonde ${shown}`, await runSonde(parameters, meanwhile));
  }
}

/** The first of the tracers that works here; says why those before it do not. */
async function attach(server: Served, onSession: (line: string) => void): Promise<Tracing | undefined> {
  for (const name of tracers) {
    try {
      const tracing = await TRACERS[name](server, onSession);
      print(`Tracer: ${name}`, '');
      return tracing;
    } catch (error) {
      if (isEnding()) return undefined;
      print(`Not traced with ${name}: ${(error as Error).message}`);
    }
  }
  return undefined;
}

async function enabled(server: Served): Promise<string> {
  const { sessionDone, delivery } = await server.enabled();
  return `smtp.sessionDone.enabled is ${sessionDone}, smtp.delivery.enabled is ${delivery}`;
}

/** Errors while the demo ends are those of things that were taken away. */
async function fail(reason: string): Promise<void> {
  if (!isEnding()) console.error(`the demo failed: ${reason}`);
  await end(1);
}

function print(...lines: string[]): void {
  for (const line of lines) console.log(line.replace(/ +$/gm, ''));
}

function bold(text: string): string {
  return styled('bold', text);
}

function dim(text: string): string {
  return styled('dim', text);
}

function styled(style: 'bold' | 'dim', text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;
}
