// Whole programs with probes in them: what is left of their throughput.
import { join } from 'node:path';
import autocannon from 'autocannon';
import { countOf, startBpftrace, whyNoTracer } from './bpftrace.js';
import { Conversation } from './conversation.js';
import type { Part, Result, Row } from './part.js';
import { environment, interleaved, programPath, withFolder } from './program.js';
import type { Listening } from './programs/fastify.js';
import { loadRoutes, ROUTES, type Route, ratioOf } from './routes.js';
import { meanRatio, median, pairs, summary } from './statistics.js';

interface Variant {
  what: string;
  program: 'fastify' | 'mail';
  /** Of a request; of the mail server those that it has. */
  probes: number;
  traced?: 'one' | 'all';
  env?: NodeJS.ProcessEnv;
}

/** Each program's first variant is what its others are compared with. */
const VARIANTS: Record<string, Variant> = {
  none: { what: 'Fastify, no probes', program: 'fastify', probes: 0 },
  tenOne: { what: '10 probes, one traced', program: 'fastify', probes: 10, traced: 'one' },
  tenAll: { what: '10 probes, all traced', program: 'fastify', probes: 10, traced: 'all' },
  hundredOne: { what: '100 probes, one traced', program: 'fastify', probes: 100, traced: 'one' },
  hundredAll: { what: '100 probes, all traced', program: 'fastify', probes: 100, traced: 'all' },
  mailNoop: { what: 'mail server, SONDE_BACKEND=noop', program: 'mail', probes: 0, env: { SONDE_BACKEND: 'noop' } },
  mail: { what: 'mail server, not traced', program: 'mail', probes: 11 },
  mailAll: { what: 'mail server, all traced', program: 'mail', probes: 11, traced: 'all' },
};

const CONNECTIONS = 10;
/** Not divisible by the time of anything that happens regularly. */
const REQUESTS = { full: 4001, quick: 401 };
const MAILS = 10;
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
  const conversations: Conversation[] = [];
  const servers = new Map<string, Listening>();
  let stop: (() => Promise<string>) | undefined;
  try {
    const started = names.map((name) => {
      const { program, probes, env } = VARIANTS[name]!;
      const conversation = new Conversation(
        process.execPath,
        [programPath(program), program === 'fastify' ? String(probes) : join(folder, `${name}-store`)],
        environment({ SONDE_DIR: join(folder, name), ...env }),
      );
      conversations.push(conversation);
      return conversation.hear();
    });
    for (const [index, first] of (await Promise.all(started)).entries()) {
      servers.set(names[index]!, JSON.parse(first));
    }
    const script = names.flatMap((name) => {
      const { traced, program } = VARIANTS[name]!;
      const probe = traced === 'all' ? '*' : 'step0';
      const { location } = servers.get(name)!;
      return traced ? [`usdt:${location}:${program === 'mail' ? 'smtp' : 'web'}:${probe} { @${name} = count(); }`] : [];
    });
    if (script.length > 0) stop = startBpftrace(script.join('\n'));
    const loads = await interleaved(names, (quick ? 1 : 25) + 1, (name) =>
      VARIANTS[name]!.program === 'mail'
        ? sendMails(servers.get(name)!.port, quick ? 1 : 3)
        : request(servers.get(name)!.port, quick ? REQUESTS.quick : REQUESTS.full),
    );
    // The first round made V8 compile, and bpftrace attached meanwhile.
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
    for (const conversation of conversations) conversation.end();
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
