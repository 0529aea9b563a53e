// sonde functions: calls of functions that are named on the command line, in processes in which
// nothing was prepared.
import { attach } from '../attach/attach.js';
import type { Loaded } from '../attach/in-target.js';
import { select } from '../discovery/select.js';
import { processesOf } from '../doctor/process.js';
import { bucketOf, bucketsJson, endOf, percentile } from '../engines/aggregation.js';
import { startTracing, tracingCommands } from '../engines/choose.js';
import { lossTexts, type ProbeEvent, readValue } from '../engines/event.js';
import { CommandError } from '../error.js';
import type { TracedProcess } from '../model.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { liveOutput } from '../output/live.js';
import { table } from '../output/table.js';
import { ask } from '../question/question.js';
import { showNanoseconds } from '../question/units.js';
import { untilAnswered } from './until-end.js';

export interface FunctionsOptions {
  /** Of a core, that the breakpoints of one function may take, in percent. */
  share: number;
  /** In milliseconds. */
  every?: number;
  duration?: number;
  engine?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** Calls of a function in a process. */
interface Calls {
  pid: number;
  function: string;
  file: string;
  line: number;
  entered: number;
  returned: number;
  threw: number;
  totalNs: bigint;
  /** How many of its calls took how long, by {@link bucketOf}. */
  buckets: Map<number, number>;
}

export async function functions(target: string, names: readonly string[], options: FunctionsOptions): Promise<void> {
  const share = options.share / 100;
  if (options.dryRun) {
    process.stdout.write(
      `# In the process, through its inspector:\n# functions.watch(${JSON.stringify(names)}, { share: ${share}, lease: true }), of @sonde/node\n`,
    );
    process.stdout.write(await tracingCommands(askOf(target), options.engine));
    return;
  }
  const watched = await watch(target, names, share);
  const pids = new Set(watched.map(({ pid }) => pid));
  const question = askOf(target);
  question.pids = question.pids?.filter((pid) => pids.has(pid));
  const counted = new Counted();
  const tracing = await startTracing(question, options.engine, (events) => counted.add(events));
  const remark = tracing.remark === undefined ? '' : ` (${tracing.remark})`;
  process.stderr.write(`sonde: watching functions${remark}; Ctrl-C ends it\n`);
  const live = options.json ? undefined : await liveOutput();
  const timer = options.every === undefined ? undefined : setInterval(() => show(counted, false, live), options.every);
  const failure = await untilAnswered(question, options.duration, tracing.failed);
  clearInterval(timer);
  const losses = lossTexts(await tracing.stop());
  counted.names.end();
  show(counted, true, live);
  live?.done();
  for (const loss of losses) process.stderr.write(`sonde: ${loss}\n`);
  if (failure) throw failure;
}

const PROBES = ['function-entry', 'function-return', 'function-watch', 'function-dropped'];

function askOf(target: string) {
  return ask(
    (objects) =>
      select(
        objects,
        PROBES.map((name) => `node:${name}`),
      ),
    { process: target },
  );
}

/**
 * Has processes watch functions as soon as they are traced, and as long.
 *
 * @returns those that will
 * @throws {CommandError} if none will
 */
async function watch(target: string, names: readonly string[], share: number): Promise<TracedProcess[]> {
  const watched: TracedProcess[] = [];
  const refused: string[] = [];
  for (const each of processesOf(target)) {
    try {
      const main = (await attach(each, {}, { names, share })).main as Loaded;
      if (main.watches !== true) throw new CommandError('failed', reasonOf(main));
      if (main.state === 'loaded') {
        say(`process ${each.pid} has @sonde/node now; sonde detach ${each.pid} takes it away`);
      }
      watched.push(each);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      refused.push(printable(`process ${each.pid}: ${error.message}`));
    }
  }
  if (watched.length === 0) throw new CommandError('failed', refused.join('\nsonde: '));
  for (const reason of refused) process.stderr.write(`sonde: ${reason}\n`);
  return watched;
}

function reasonOf({ state, watches, reason, node }: Loaded): string {
  if (state === 'old') return `it runs Node.js ${node}, and sonde needs 20.19 or later`;
  return (typeof watches === 'string' ? watches : reason) ?? 'it cannot watch functions';
}

/** What came of them. */
class Counted {
  readonly names = new Names();
  private readonly functions = new Map<string, Calls>();

  add(events: readonly ProbeEvent[]): void {
    for (const event of events) {
      switch (event.probe.name) {
        case 'function__entry':
          this.callsOf(event).entered++;
          break;
        case 'function__return':
          this.returned(event);
          break;
        case 'function__watch':
          this.names.add(event);
          break;
        default:
          tellDropped(event);
      }
    }
  }

  /** Those that took longest first. */
  sorted(): Calls[] {
    return [...this.functions.values()].sort(
      (a, b) => Number(b.totalNs - a.totalNs) || b.entered - a.entered || (a.function < b.function ? -1 : 1),
    );
  }

  private returned(event: ProbeEvent): void {
    const calls = this.callsOf(event);
    const told = readValue(event, 'ns');
    const ns = typeof told === 'bigint' ? told : 0n;
    calls.returned++;
    if (readValue(event, 'threw') === true) calls.threw++;
    calls.totalNs += ns;
    const bucket = bucketOf(ns);
    calls.buckets.set(bucket, (calls.buckets.get(bucket) ?? 0) + 1);
  }

  private callsOf(event: ProbeEvent): Calls {
    const [file, name, line] = ['file', 'function', 'line'].map((each) => readValue(event, each));
    const id = JSON.stringify([event.pid, file, name, line]);
    let calls = this.functions.get(id);
    if (!calls) {
      calls = {
        pid: event.pid,
        function: String(name ?? '?'),
        file: String(file ?? '?'),
        line: Number(line ?? 0),
        entered: 0,
        returned: 0,
        threw: 0,
        totalNs: 0n,
        buckets: new Map(),
      };
      this.functions.set(id, calls);
    }
    return calls;
  }
}

/**
 * How many functions there are of a name, in each thread, and why there is none in a process. One of
 * its threads may have it, or the inspector may be about to close: that is waited for.
 */
class Names {
  /** By process and name: threads that have such functions. */
  private readonly found = new Map<string, Set<number>>();
  private readonly missing = new Map<string, { timer: NodeJS.Timeout; text: string }>();

  add(event: ProbeEvent): void {
    const { pid, tid } = event;
    const [name, count, reason, ns] = ['name', 'functions', 'reason', 'ns'].map((each) => readValue(event, each));
    const id = `${pid} ${name}`;
    const threads = this.found.get(id) ?? new Set();
    this.found.set(id, threads);
    if (Number(count) > 0) {
      clearTimeout(this.missing.get(id)?.timer);
      this.missing.delete(id);
      threads.add(tid);
      const where = tid === pid ? `process ${pid}` : `process ${pid}, thread ${tid}`;
      const functions = Number(count) === 1 ? 'function' : 'functions';
      say(
        `${name} is ${count} ${functions}; each call takes some ${showNanoseconds(2 * Number(ns))} longer (${where})`,
      );
      return;
    }
    threads.delete(tid);
    if (threads.size > 0 || this.missing.has(id)) return;
    const text = `${name} is not watched: ${reason} (process ${pid})`;
    this.missing.set(id, { timer: setTimeout(() => this.tell(id), PATIENCE_MS), text });
  }

  /** What was to be told later. */
  end(): void {
    for (const id of [...this.missing.keys()]) this.tell(id);
  }

  private tell(id: string): void {
    const { timer, text } = this.missing.get(id)!;
    clearTimeout(timer);
    this.missing.delete(id);
    say(text);
  }
}

/** A process tries each second. */
const PATIENCE_MS = 1500;

function say(text: string): void {
  process.stderr.write(`sonde: ${printable(text)}\n`);
}

function tellDropped(event: ProbeEvent): void {
  const [file, name, line, hits, percent] = ['file', 'function', 'line', 'hits', 'percent'].map((each) =>
    readValue(event, each),
  );
  const told = `${name} (${file}:${line}) was let go in process ${event.pid}: with ${hits} hits, watching it took ${percent} % of a core, and --share allows less`;
  say(told);
}

const COLUMNS = ['PID', 'FUNCTION', 'FILE', 'CALLS', 'RETURNED', 'THREW', 'P50 <', 'P99 <', 'TIME'];

function show(counted: Counted, isLast: boolean, live: Awaited<ReturnType<typeof liveOutput>> | undefined): void {
  const all = counted.sorted();
  if (!live) {
    const told = all.map(({ buckets, ...each }) => ({ ...each, buckets: bucketsJson(buckets) }));
    console.log(json({ ...(isLast && { total: true }), time: new Date().toISOString(), functions: told }));
    return;
  }
  const rows = all.map(({ pid, function: name, file, line, entered, returned, threw, totalNs, buckets }) => [
    String(pid),
    printable(name),
    printable(`${file}:${line}`),
    String(entered),
    String(returned),
    String(threw),
    ...[0.5, 0.99].map((part) => {
      const bucket = percentile(buckets, part);
      return bucket === undefined ? '-' : showNanoseconds(Number(endOf(bucket)));
    }),
    showNanoseconds(Number(totalNs)),
  ]);
  live.show(
    rows.length === 0
      ? 'nothing was called'
      : table(
          COLUMNS,
          rows,
          COLUMNS.filter((name) => !['FUNCTION', 'FILE'].includes(name)),
        ),
  );
}
