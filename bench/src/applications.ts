// Whole programs with probes in them: what is left of their throughput.
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import autocannon from 'autocannon';
import { countOf, startBpftrace, whyNoTracer } from './bpftrace.js';
import { Conversation } from './conversation.js';
import type { Part, Result, Row } from './part.js';
import { environment, interleaved, programPath, withFolder } from './program.js';
import type { Listening } from './programs/steps.js';
import { loadRoutes, ROUTES, type Route, ratioOf } from './routes.js';
import { meanRatio, median, pairs, summary } from './statistics.js';

interface Variant {
  what: string;
  program: 'fastify' | 'mail';
  /** Besides those that it has of its own: of a request, or of a mail's recipient. */
  probes: number;
  /** By a tracer: `provider:probe`. */
  traced?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** Each program's first variant is what its others are compared with. */
const VARIANTS: Record<string, Variant> = {
  none: { what: 'Fastify, no probes', program: 'fastify', probes: 0 },
  tenOne: { what: '10 probes, one traced', program: 'fastify', probes: 10, traced: ['web:step0'] },
  tenAll: { what: '10 probes, all traced', program: 'fastify', probes: 10, traced: ['web:*'] },
  hundredOne: { what: '100 probes, one traced', program: 'fastify', probes: 100, traced: ['web:step0'] },
  hundredAll: { what: '100 probes, all traced', program: 'fastify', probes: 100, traced: ['web:*'] },
  mailNoop: { what: 'mail server, SONDE_BACKEND=noop', program: 'mail', probes: 0, env: { SONDE_BACKEND: 'noop' } },
  mail: { what: 'mail server with its own 11 probes, not traced', program: 'mail', probes: 0 },
  mailOne: { what: 'one of them traced', program: 'mail', probes: 0, traced: ['smtp:delivery__start'] },
  mailAll: { what: 'all of them traced', program: 'mail', probes: 0, traced: ['smtp:*'] },
  mailHundred: { what: '100 more for each recipient, not traced', program: 'mail', probes: 100 },
  mailHundredOne: { what: '100 more, one traced', program: 'mail', probes: 100, traced: ['web:step0'] },
  mailHundredAll: { what: '100 more, all traced', program: 'mail', probes: 100, traced: ['smtp:*', 'web:*'] },
};

const CONNECTIONS = 10;
/** Not divisible by the time of anything that happens regularly. */
const REQUESTS = { full: 4001, quick: 401 };
const MAILS = 10;
/** bpftrace 0.17 reads each file again for each of its probes. */
const MOST_ATTACHING_MS = 300_000;
/** Not traced: see routes.ts. */
const BURSTS = {
  full: { processes: 8, rounds: 250, warm: 20, requests: 200 },
  quick: { processes: 1, rounds: 10, warm: 2, requests: 100 },
};

/** Of one round. */
interface Load {
  perSecond: number;
  /** Milliseconds: the slowest hundredth of requests took longer. */
  slow: number;
}

export const applications: Part = {
  name: 'applications',
  title: 'an HTTP server and a mail server under load',
  async run({ quick }) {
    return withFolder((folder) => run(folder, quick));
  },
};

async function run(folder: string, quick: boolean): Promise<Result> {
  const missing = whyNoTracer();
  const names = Object.keys(VARIANTS).filter((name) => missing === undefined || !VARIANTS[name]!.traced);
  const servers = new Map<string, Conversation>();
  const listening = new Map<string, Listening>();
  let stop: (() => Promise<string>) | undefined;
  try {
    for (const name of names) {
      const { program, probes, env } = VARIANTS[name]!;
      const store = program === 'mail' ? [join(folder, `${name}-store`)] : [];
      servers.set(
        name,
        new Conversation(
          process.execPath,
          [programPath(program), ...store, String(probes)],
          environment({ SONDE_DIR: join(folder, name), ...env }),
        ),
      );
    }
    for (const name of names) listening.set(name, JSON.parse(await servers.get(name)!.hear()));
    const traced = names.flatMap((name) => (VARIANTS[name]!.traced ?? []).map((probe) => ({ name, probe })));
    if (traced.length > 0) {
      const script = traced.map(({ name, probe }) => {
        const location = listening.get(name)!.locations[probe.split(':')[0]!];
        return `usdt:${location}:${probe} { @${name} = count(); }`;
      });
      stop = startBpftrace(script.join('\n'));
      const start = performance.now();
      for (const { name, probe } of traced) {
        while ((await servers.get(name)!.ask(probe)) !== 'true') {
          if (performance.now() - start > MOST_ATTACHING_MS)
            throw new Error(`bpftrace does not trace ${probe} of ${name}`);
          await setTimeout(100);
        }
      }
    }
    const loads = await interleaved(names, (quick ? 1 : 25) + 1, (name) =>
      VARIANTS[name]!.program === 'mail'
        ? sendMails(listening.get(name)!.port, quick ? 1 : 3)
        : request(listening.get(name)!.port, quick ? REQUESTS.quick : REQUESTS.full),
    );
    // The first round made V8 compile.
    for (const name of names) loads[name]!.shift();
    const output = (await stop?.()) ?? '';
    stop = undefined;
    for (const name of names.filter((name) => VARIANTS[name]!.traced)) {
      if (countOf(output, name) === 0) throw new Error(`bpftrace counted nothing of ${name}:\n${output}`);
    }
    const first = (name: string) => names.find((other) => VARIANTS[other]!.program === VARIANTS[name]!.program)!;
    const ratio = (name: string, of: keyof Load) =>
      meanRatio(
        pairs(
          loads[name]!.map((load) => load[of]),
          loads[first(name)]!.map((load) => load[of]),
          (one, none) => one / none,
        ),
      );
    const show = ({ mean, low, high }: ReturnType<typeof meanRatio>) =>
      `${mean.toFixed(3)} (${low.toFixed(3)} – ${high.toFixed(3)})`;
    const size = quick ? BURSTS.quick : BURSTS.full;
    const bursts = await loadRoutes(folder, size);
    const percent = (route: Route, figure: 'microseconds' | 'perSecond') => {
      const { middle, low, high } = ratioOf(bursts, route, figure);
      return [middle, low, high].map((ratio) => 100 * (ratio - 1)) as [number, number, number];
    };
    const showPercent = ([middle, low, high]: readonly number[]) =>
      `${middle!.toFixed(2)} % (${low!.toFixed(2)} … ${high!.toFixed(2)})`;
    const [, , dearest] = percent('hundred', 'microseconds');
    return {
      leftOut: missing === undefined ? [] : [`traced servers: ${missing}`],
      notes: [
        `Requests (autocannon, ${CONNECTIONS} connections) and mails a second, and the milliseconds that the slowest hundredth takes longer than.`,
        'Servers take turns; a ratio is the mean of the ratios within a round, and in parentheses where it lies with 95 % confidence.',
        `Not traced: one server with a route for each, of which ${size.processes} ran, bursts of ${size.requests} requests in turn, ${size.rounds} of each to each server;`,
        'the median of ratios within a round, the mean of that over servers, and where it lies with 95 % confidence, by resampling servers and rounds.',
      ],
      tables: [
        {
          head: ['', 'a second', '× without', 'slow, ms', '× without'],
          rows: names.map((name): Row => {
            const perSecond = loads[name]!.map((load) => load.perSecond);
            const slow = loads[name]!.map((load) => load.slow);
            return [
              VARIANTS[name]!.what,
              { summary: summary(perSecond), digits: 0 },
              show(ratio(name, 'perSecond')),
              median(slow).toFixed(2),
              show(ratio(name, 'slow')),
            ];
          }),
        },
        {
          head: [
            'Fastify, not traced',
            'µs of processor time a request',
            'more than without',
            'a second',
            'more than without',
          ],
          rows: (Object.keys(ROUTES) as Route[]).map((route): Row => {
            const all = bursts.flat().map((round) => round[route]);
            return [
              ROUTES[route].what,
              { summary: summary(all.map(({ microseconds }) => microseconds)), digits: 1 },
              route === 'none' ? '–' : showPercent(percent(route, 'microseconds')),
              { summary: summary(all.map(({ perSecond }) => perSecond)), digits: 0 },
              route === 'none' ? '–' : showPercent(percent(route, 'perSecond')),
            ];
          }),
        },
      ],
      goals: [
        {
          what: '100 probes a request, not traced: more processor time, at most (95 %)',
          measured: dearest,
          most: 1,
          unit: ' %',
          digits: 1,
        },
      ],
    };
  } finally {
    await stop?.();
    for (const server of servers.values()) server.end();
  }
}

async function request(port: number, amount: number): Promise<Load> {
  const times: number[] = [];
  let ended = 0;
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const run = autocannon({ url: `http://127.0.0.1:${port}`, connections: CONNECTIONS, amount }, (error) => {
      if (error) reject(error);
    });
    run.on('response', (_client, code, _bytes, milliseconds) => {
      if (code !== 200) reject(new Error(`the server answered ${code}`));
      times.push(milliseconds);
      if (times.length < amount) return;
      ended = performance.now();
      // autocannon itself looks once a second whether it is done, and does nothing else by then.
      resolve();
    });
  });
  return { perSecond: (1000 * times.length) / (ended - started), slow: slowest(times) };
}

async function sendMails(port: number, sessions: number): Promise<Load> {
  const { sendTraffic } = await import('@sonde/example-mailserver/client');
  const times: number[] = [];
  const started = performance.now();
  for (let session = 0; session < sessions; session++) {
    const start = performance.now();
    await sendTraffic({ port, sessions: 1, mails: MAILS, pauseMs: 0 });
    times.push(performance.now() - start);
  }
  // sendTraffic's first session has two mails less than asked for.
  return { perSecond: (1000 * sessions * (MAILS - 2)) / (performance.now() - started), slow: slowest(times) };
}

const slowest = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!;
