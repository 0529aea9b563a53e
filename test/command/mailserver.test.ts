// What the subcommands show of mail servers is what these have in their databases: by every engine,
// wherever a server runs, all at once.
import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { leftInKernel, sonde, sondeJson, startSonde } from '../support/command.js';
import { MailServer, type MailServerOptions, readStores, type Stored } from '../support/mail-server.js';
import { Scene } from '../support/scene.js';
import { asUser, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../support/tools.js';
import type { Tracer } from '../support/tracer.js';

/** Objects that lie in a file system which is seen in the server's own namespaces only. */
const CONTAINER = [
  ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'],
  'mkdir -p "$SONDE_DIR" && mount -t tmpfs -o mode=700 sonde-test "$SONDE_DIR" && exec "$@"',
  'sh',
];

/** By a name that is a part of its path. Each is a process of its own. */
const PLACES: Record<string, (folder: string) => MailServerOptions> = {
  alone: (folder) => ({ environment: { SONDE_DIR: join(folder, 'objects') } }),
  'in a worker': (folder) => ({ environment: { SONDE_DIR: join(folder, 'objects') }, isWorker: true }),
  'in a container': (folder) => ({ environment: { SONDE_DIR: join(folder, 'inside') }, through: CONTAINER }),
  'in memory alone': () => ({ environment: { SONDE_DIR: '/proc/none' } }),
  'a: "b" {c} ä': (folder) => ({ environment: { SONDE_DIR: join(folder, 'a: "b" {c} ä', 'objects') } }),
  'of another user': (folder) => ({
    environment: { SONDE_DIR: join(folder, 'of another user', 'objects') },
    through: asUser(OTHER_USER),
  }),
};
/** It starts while commands run, with an object that they have traced already, and ends before them. */
const SHORT = { 'later, and not for long': PLACES.alone! };

interface Running {
  place: string;
  server: MailServer;
  pid: number;
  /** How many are delivered. */
  sessions: number;
  mails: number;
  isEnded?: true;
}

interface Event {
  pid: number;
  tid: number;
  probe: string;
  arguments: Record<string, string | number>;
}

interface Group {
  by: Record<string, string | number>;
  count: number;
  buckets?: { from: number; below: number; count: number }[];
}

interface Listed {
  processes: {
    pid: number;
    command: string[];
    uid: number;
    container?: string;
    objects: { probes: { provider: string; name: string; traced: boolean }[] }[];
  }[];
}

/** A subcommand, and the domain of mails by which it is found out whether it sees a server. */
interface Command {
  tracer: Tracer;
  places: readonly string[];
}

describe('sonde and mail servers', function () {
  this.timeout(120_000);
  let scene: Scene;
  let folder = '';
  const running: Running[] = [];
  let known = new Set<string>();

  before(async function () {
    needsRoot(this);
    needsTools(this, 'bpftrace', 'gdb', 'unshare');
    needsOtherUser(this);
    scene = new Scene(await mkdtemp(join(tmpdir(), 'sonde-test-')), {});
    folder = join(scene.folder, 'servers');
    await mkdir(folder);
    await chmod(scene.folder, 0o755);
    await startAll(PLACES);
  });
  after(() => scene?.end());

  it('are listed, each once, wherever they are', () => {
    const { processes } = sondeJson<Listed>('list', folder, 'smtp');
    assert.deepEqual(processes.map(({ pid }) => pid).sort(), running.map(({ pid }) => pid).sort());
    const text = sonde('list', folder, 'smtp').stdout;
    for (const { place, pid } of running) {
      const { container, uid, objects } = processes.find((each) => each.pid === pid)!;
      assert.equal(container !== undefined, place === 'in a container', `${place}: ${container}`);
      assert.equal(uid, place === 'of another user' ? OTHER_USER : process.getuid!(), place);
      same(
        place,
        objects.flatMap(({ probes }) => probes).map(({ name, traced }) => `${name} ${traced}`),
        PROBES.map((name) => `${name} false`),
      );
      assert.equal([...text.matchAll(new RegExp(`^ *${pid} .* ${PROBES.length} +-$`, 'gm'))].length, 1, text);
    }
  });

  it('have in their databases what tracefs, bpftrace and a printed script show', async () => {
    const target = ['-p', folder];
    const commands: Record<string, Command> = {};
    const start = (name: string, ...args: string[]) => {
      commands[name] = { tracer: startSonde(scene, [...args, '--json']), places: Object.keys({ ...PLACES, ...SHORT }) };
    };
    const startWith = (engine: string) => {
      const options = ['--engine', engine, ...target];
      start(`trace, ${engine}`, 'trace', TRACED, '--no-limit', ...options);
      start(`count, ${engine}`, 'count', 'smtp:recipient', '--by', 'pid,domain', '--every', '400ms', ...options);
      start(`hist, ${engine}`, 'hist', 'smtp:delivery', '--by', 'pid,domain', '--every', '400ms', ...options);
    };
    startWith('tracefs');
    start('top', 'top', folder, 'functions', '--every', '400ms');
    await Promise.all(Object.values(commands).map(({ tracer }) => tracer.shows(/^sonde: (?:trac|count)ing/m)));
    await startAll(SHORT);
    startWith('bpftrace');
    const printed = join(scene.folder, 'printed.bt');
    const { stdout } = sonde('script', 'count', 'smtp:recipient', '-b', 'pid,domain', ...target, '--for', 'bpftrace');
    await writeFile(printed, stdout);
    const script = scene.tracer('bpftrace', [printed]);
    await script.shows(/Attach(ing|ed)/);
    const from = await areSeen(commands);
    assert.deepEqual(traced(), ['delivery__done', 'recipient', 'session__done', 'store__start']);

    await deliver(commands);
    await end('later, and not for long');
    const outputs = await stop(commands);
    const scripted = await script.stop();
    assert.deepEqual(traced(), []);
    for (const { tracer } of Object.values(commands)) assert.deepEqual(leftInKernel(tracer.pid), []);

    const stored = await newMails();
    for (const one of running) {
      const mails = stored.get(one)!;
      for (const engine of ['tracefs', 'bpftrace']) {
        const events = eventsOf(outputs[`trace, ${engine}`]!);
        isTraced(one, events, mails);
        isCounted(one, `count, ${engine}`, outputs, mails);
        isInHistograms(one, `hist, ${engine}`, outputs, mails, events);
      }
      areCalls(one, outputs.top!.slice(from), mails);
      isInScript(one, scripted, mails);
    }
  });

  it('have in their databases what gdb shows', async () => {
    const commands: Record<string, Command> = {};
    // A process takes one gdb.
    const start = (name: string, place: string, ...args: string[]) => {
      const { pid } = at(place);
      const whom = args[0] === 'top' ? [] : ['-p', String(pid)];
      const words = args.map((word) => (word === 'PID' ? String(pid) : word));
      commands[name] = { tracer: startSonde(scene, [...words, ...whom, '--json', '--engine', 'gdb']), places: [place] };
    };
    start('trace', 'in a worker', 'trace', TRACED, '--no-limit');
    start('count, gdb', 'in a container', 'count', 'smtp:recipient', '--by', 'pid,domain', '--every', '400ms');
    start('hist, gdb', 'of another user', 'hist', 'smtp:delivery', '--by', 'pid,domain', '--every', '400ms');
    start('top', 'a: "b" {c} ä', 'top', 'PID', 'functions', '--every', '400ms');
    const from = await areSeen(commands);
    await deliver(commands);
    await end('in a worker');
    await commands.trace!.tracer.end();
    const outputs = await stop(commands);
    assert.deepEqual(traced(), []);

    const stored = await newMails();
    const of = (name: string) => [at(commands[name]!.places[0]!), stored.get(at(commands[name]!.places[0]!))!] as const;
    const events = eventsOf(outputs.trace!);
    isTraced(of('trace')[0], events, of('trace')[1]);
    isCounted(of('count, gdb')[0], 'count, gdb', outputs, of('count, gdb')[1]);
    isInHistograms(of('hist, gdb')[0], 'hist, gdb', outputs, of('hist, gdb')[1]);
    areCalls(of('top')[0], outputs.top!.slice(from), of('top')[1]);
  });

  async function startAll(places: typeof PLACES): Promise<void> {
    const started = await Promise.all(
      Object.entries(places).map(async ([place, optionsOf]) => {
        await mkdir(join(folder, place));
        if (place === 'of another user') await chown(join(folder, place), OTHER_USER, OTHER_USER);
        const { environment, ...options } = optionsOf(folder);
        const functions = { SONDE_FUNCTIONS: 'dist/server.js' };
        return MailServer.start(scene, join(folder, place, 'mails'), {
          ...options,
          environment: { ...environment, ...functions },
        }).then((server) => ({ place, server }));
      }),
    );
    const { processes } = sondeJson<Listed>('list', folder);
    for (const { place, server } of started) {
      const found = processes.find(({ command }) => command.includes(`--store=${server.store}`));
      assert.ok(found, `${place}: ${JSON.stringify(processes)}`);
      const number = running.length;
      running.push({ place, server, pid: found.pid, sessions: 1 + (number % 2), mails: 3 + (number % 3) });
    }
  }

  function at(place: string): Running {
    return running.find((each) => each.place === place)!;
  }

  /**
   * Delivers mails to be seen until every command has shown one of every server. Where what `top`
   * shows of other mails begins.
   */
  async function areSeen(commands: Record<string, Command>): Promise<number> {
    const isSeen = ({ tracer, places }: Command, { place, pid }: Running) =>
      !places.includes(place) ||
      new RegExp(`"pid":${pid},[^\\n{}]*(?:${KNOCK}|\\{[^\\n{}]*${KNOCK}|"function":"deliver")`).test(tracer.output);
    for (const late = Date.now() + 30_000; ; ) {
      const missing = running.filter(
        (one) => !one.isEnded && !Object.values(commands).every((each) => isSeen(each, one)),
      );
      if (missing.length === 0) break;
      for (const [name, { tracer }] of Object.entries(commands)) {
        assert.equal(tracer.endedAt, undefined, `${name}: ${tracer.output}`);
        assert.ok(Date.now() < late, `not shown of ${missing.map(({ place }) => place)}: ${name} ${tracer.output}`);
      }
      await Promise.all(missing.map(({ server }) => server.deliverOne(`anybody@${KNOCK}`)));
      await setTimeout(100);
    }
    const top = commands.top!.tracer;
    const last = top.output.lastIndexOf('"function":"deliver"');
    return last + (await top.shows(/"rows":\[\]/, last)).index;
  }

  async function deliver(commands: Record<string, Command>): Promise<void> {
    const alive = running.filter(({ isEnded }) => !isEnded);
    await Promise.all(alive.map(({ server, sessions, mails }) => server.deliver(sessions, mails)));
    // A session ends a little later than its client.
    for (const { tracer, places } of Object.values(commands).filter(({ tracer }) =>
      /session__done/.test(tracer.output),
    )) {
      const ended = sum(alive.filter(({ place }) => places.includes(place)).map(({ sessions }) => sessions));
      await tracer.shows(new RegExp(`(?:"session__done".*"bytes":\\d{3}[^]*?){${ended}}`));
    }
  }

  async function end(place: string): Promise<void> {
    const one = at(place);
    await one.server.end(one.pid);
    one.isEnded = true;
  }

  async function stop(commands: Record<string, Command>): Promise<Record<string, string>> {
    const stopped = Object.entries(commands).map(async ([name, { tracer }]) => [name, await tracer.stop()] as const);
    return Object.fromEntries(await Promise.all(stopped));
  }

  /** What came into their databases since the last time, without what was sent to be seen. */
  async function newMails(): Promise<Map<Running, Stored[]>> {
    const keyOf = ({ recipient, id }: Stored) => `${recipient}/${id}`;
    const all = await readStores(running.map(({ server }) => server.store));
    const isNew = (mail: Stored) => !known.has(keyOf(mail)) && !isKnock(domainOf(mail.recipient));
    const found = new Map(all.map((mails, index) => [running[index]!, mails.filter(isNew)]));
    known = new Set(all.flat().map(keyOf));
    return found;
  }

  /** The probes that some of them have traced. */
  function traced(): string[] {
    const { processes } = sondeJson<Listed>('list', folder, 'smtp');
    const probes = processes.flatMap(({ objects }) => objects.flatMap((object) => object.probes));
    return [...new Set(probes.filter((probe) => probe.traced).map(({ name }) => name))].sort();
  }
});

/** Of mails that are sent to be seen. */
const KNOCK = 'knock.example';

const TRACED = 'smtp:{session-done,recipient,delivery-done,store-start}';

/** As examples/mailserver/src/probes.ts defines them. */
const PROBES = [
  ...['session__start', 'session__done', 'recipient', 'put'],
  ...['delivery', 'store'].flatMap((operation) => ['start', 'done', 'error'].map((part) => `${operation}__${part}`)),
];

/** Every event of a server is there, with what the mail in the database has. */
function isTraced({ place, pid, sessions }: Running, all: readonly Event[], mails: readonly Stored[]): void {
  const events = all.filter((event) => event.pid === pid);
  const of = (probe: string) => events.filter((event) => event.probe === probe).map((event) => event.arguments);
  const recipients = of('recipient').filter(({ domain }) => !isKnock(domain));
  same(
    place,
    recipients.map(({ address, domain }) => `${address} ${domain}`),
    mails.map(({ recipient }) => `${recipient} ${domainOf(recipient)}`),
  );
  const written = of('store__start').filter(({ key }) => !String(key).startsWith('anybody@'));
  same(
    place,
    written.map(({ key, bytes }) => `${key} ${bytes}`),
    mails.map(({ recipient, id, bytes }) => `${recipient}/${id} ${bytes}`),
  );
  const delivered = of('delivery__done').filter(({ domain }) => !isKnock(domain));
  same(
    place,
    delivered.map(({ domain, bytes }) => `${domain} ${bytes}`),
    mails.map(({ recipient, bytes }) => `${domainOf(recipient)} ${bytes}`),
  );
  // What is sent to be seen has a letter.
  const done = of('session__done').filter(({ bytes }) => Number(bytes) > 10);
  assert.equal(done.length, sessions, place);
  const different = [...new Map(mails.map((mail) => [mail.id, mail])).values()];
  assert.equal(sum(done.map((each) => Number(each.mails))), different.length, place);
  assert.equal(sum(done.map(({ bytes }) => Number(bytes))), sum(different.map(({ received }) => received)), place);
  assert.deepEqual([...new Set(events.map(({ tid }) => tid === pid))], [place !== 'in a worker'], place);
}

/** Recipients by domain. */
function isCounted(
  { place, pid }: Running,
  name: string,
  outputs: Record<string, string>,
  mails: readonly Stored[],
): void {
  same(
    `${place}: ${name}`,
    groupsOf(outputs[name]!, pid).map(({ by, count }) => `${by.domain} ${count}`),
    timesOf(mails.map(({ recipient }) => domainOf(recipient))),
  );
}

/** How long deliveries took, by domain: as the same events say, if they were traced. */
function isInHistograms(
  { place, pid }: Running,
  name: string,
  outputs: Record<string, string>,
  mails: readonly Stored[],
  events?: readonly Event[],
): void {
  const groups = groupsOf(outputs[name]!, pid);
  same(
    `${place}: ${name}`,
    groups.map(({ by, count }) => `${by.domain} ${count}`),
    timesOf(mails.map(({ recipient }) => domainOf(recipient))),
  );
  for (const { by, count, buckets } of groups) {
    assert.equal(sum(buckets!.map((bucket) => bucket.count)), count, place);
    if (!events) continue;
    const own = events.filter((event) => event.pid === pid && event.probe === 'delivery__done');
    const ns = own.filter((event) => event.arguments.domain === by.domain).map((event) => Number(event.arguments.ns));
    same(
      `${place}: ${name} of ${by.domain}`,
      buckets!.map((bucket) => `${bucket.from} ${bucket.count}`),
      timesOf(ns.map((each) => String(2 ** Math.floor(Math.log2(each))))),
    );
  }
}

/** Each mailbox takes a call of this function. */
function areCalls({ place, pid }: Running, output: string, mails: readonly Stored[]): void {
  const intervals = linesOf(output).map((line) => JSON.parse(line) as { rows: Record<string, unknown>[] });
  const calls = intervals.flatMap(({ rows }) => rows).filter((row) => row.pid === pid && row.function === 'deliver');
  assert.equal(sum(calls.map((row) => Number(row.count))), mails.length, `${place}: ${output}`);
}

function isInScript({ place, pid }: Running, output: string, mails: readonly Stored[]): void {
  const counts = [...output.matchAll(/^@\w+\[(\d+), (.+)\]: (\d+)$/gm)].filter(
    ([, process, domain]) => Number(process) === pid && !isKnock(domain),
  );
  same(
    `${place}: script`,
    counts.map(([, , domain, count]) => `${domain} ${count}`),
    timesOf(mails.map(({ recipient }) => domainOf(recipient))),
  );
}

function eventsOf(output: string): Event[] {
  return linesOf(output)
    .filter((line) => line.startsWith('{"time"'))
    .map((line) => JSON.parse(line));
}

/** Of a process, in the end. */
function groupsOf(output: string, pid: number): Group[] {
  const total = linesOf(output).find((line) => line.startsWith('{"total":true'));
  const { groups, losses } = JSON.parse(total!) as { groups: Group[]; losses: string[] };
  assert.deepEqual(losses, []);
  return groups.filter(({ by }) => by.pid === pid && !isKnock(by.domain));
}

function linesOf(output: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('{'));
}

/** In whatever order. */
function same(what: string, seen: readonly string[], expected: readonly string[]): void {
  assert.deepEqual(seen.toSorted(), expected.toSorted(), what);
}

/** "example.org 3" */
function timesOf(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${name} ${count}`);
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

const isKnock = (domain: unknown) => domain === KNOCK;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
