// Everyone else's channels as probes: whoever publishes on a diagnostics_channel knows nothing of
// it.
import { type Argument, DefinitionError, type Probe, type Provider, provider, string, uint64 } from 'sonde';
import { show } from 'sonde/internal';
import { type Listeners, subscriptions, together } from './runtime/channels.js';
import { now } from './runtime/clock.js';
import { nextId } from './runtime/identity.js';
import { currentRequest, requests } from './runtime/requests.js';
import { whileTraced } from './while-traced.js';

/** What becomes of the messages of one channel. */
export interface BridgeOptions {
  /**
   * The provider's name; the channel's name up to its first `:` or `.` where it is left out. Not
   * `node`: that is the runtime's.
   */
  readonly provider?: string;
  /**
   * The probe's name, as `provider()` takes it; the rest of the channel's name where it is left
   * out.
   */
  readonly probe?: string;
  /**
   * The probe's arguments, by where their values are in a message:
   * `{ 'request.path': string('path') }`. `''` is the whole message, for `json`; `'@request'` the
   * id of the http request that this server is answering, as in http__server__request (0 where
   * there is none). What is not there is fired as 0 or an empty text; numbers and other simple
   * values are made texts where one is wanted.
   */
  readonly fields?: Readonly<Record<string, Argument>>;
  /**
   * Of a TracingChannel: further arguments of `<name>__done`, from the message as it is then:
   * `{ 'result.length': uint32('rows') }`.
   */
  readonly done?: Readonly<Record<string, Argument>>;
}

/** Channels by their names. */
export type BridgeSource = Readonly<Record<string, BridgeOptions>>;

/** What a bridge is, until it is taken down. */
export interface Bridge {
  /** Withdraws its probes. More than once is fine. */
  unload(): void;
  [Symbol.dispose](): void;
}

/**
 * Makes probes of a diagnostics channel: each message fires one, `<provider>:<probe>(…fields)`.
 * `tracing:<name>` is a TracingChannel, and an operation:
 *
 * - `<probe>__start(id, …fields)`
 * - `<probe>__done(id, ns, …done)`, when the function returned, or its promise was fulfilled, or
 *   its callback was called
 * - `<probe>__error(id, ns, message)`, when it threw, was rejected, or its callback got an error
 *
 * There is a subscription only while a tracer is attached to one of a channel's probes. Of several
 * channels at once, those of one provider are in one probe object.
 *
 * @param source a channel's name, or several with their options
 * @param options of the one channel
 * @throws {DefinitionError} a TypeError with a `code`, when a name, an option or an argument is
 * wrong
 */
export function bridge(source: string | BridgeSource, options: BridgeOptions = {}): Bridge {
  const channels = (typeof source === 'string' ? { [source]: options } : source) as unknown;
  if (typeof channels !== 'object' || channels === null || Object.keys(channels).length === 0) {
    throw wrong(
      `bridge() was given ${show(channels)}; give a channel's name, or an object of them: { "undici:request:create": { fields } }`,
    );
  }
  const byProvider = new Map<string, Described[]>();
  for (const [name, options] of Object.entries(channels)) {
    const channel = described(name, options);
    byProvider.set(channel.provider, [...(byProvider.get(channel.provider) ?? []), channel]);
  }
  const ends: (() => void)[] = [];
  const unload = () => {
    for (const end of ends.splice(0)) end();
  };
  try {
    for (const [name, described] of byProvider) ends.push(build(name, described));
  } catch (error) {
    // All or nothing.
    unload();
    throw error;
  }
  return { unload, [Symbol.dispose]: unload };
}

type Field = readonly [path: string, argument: Argument];

interface Described {
  channel: string;
  provider: string;
  probe: string;
  isTracing: boolean;
  fields: Field[];
  done: Field[];
}

/** start.ts defines it. */
const RUNTIME = 'node';

const OPTIONS = ['provider', 'probe', 'fields', 'done'];

function described(channel: string, options: unknown): Described {
  if (typeof options !== 'object' || options === null) {
    throw wrong(`the options of channel ${show(channel)} are ${show(options)}; give an object: { fields: { … } }`);
  }
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) {
    throw wrong(`channel ${show(channel)}: there is no option ${show(unknown)}; the options are ${OPTIONS.join(', ')}`);
  }
  const isTracing = channel.startsWith('tracing:');
  const [first, ...rest] = channel.replace(/^tracing:/, '').split(/[:./]+/);
  const { provider = first!.replace(/\W/g, '_'), probe = rest.join('__').replace(/\W/g, '__') } =
    options as BridgeOptions;
  if (probe === '') {
    throw wrong(
      `channel ${show(channel)} has no name for a probe in it, such as "undici:request:create" has; give probe`,
    );
  }
  if (provider === RUNTIME) {
    throw wrong(
      `channel ${show(channel)} has the provider "node", which is that of the runtime's own probes: its object's link, node.so, would lead to this one's; give another as provider: { provider: "app" }`,
    );
  }
  const { fields = {}, done = {} } = options as BridgeOptions;
  for (const [option, value] of Object.entries({ fields, done })) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw wrong(`channel ${show(channel)}: ${option} is ${show(value)}; give { "request.path": string("path") }`);
    }
  }
  if (!isTracing && Object.keys(done).length > 0) {
    throw wrong(
      `channel ${show(channel)} is no TracingChannel, so nothing of it is ever done; leave done out, or name it "tracing:…"`,
    );
  }
  return { channel, provider, probe, isTracing, fields: Object.entries(fields), done: Object.entries(done) };
}

type Probes = Record<string, Probe<unknown[]>>;

function build(name: string, channels: readonly Described[]): () => void {
  const definition = Object.fromEntries(
    channels.flatMap(({ probe, isTracing, fields, done }) => {
      const [start, end] = [fields, done].map((list) => list.map(([, argument]) => argument)) as [
        Argument[],
        Argument[],
      ];
      if (!isTracing) return [[probe, start]];
      const [id, ns] = [uint64('id'), uint64('ns')];
      return [
        [`${probe}__start`, [id, ...start]],
        [`${probe}__done`, [id, ns, ...end]],
        [`${probe}__error`, [id, ns, string('message')]],
      ];
    }),
  );
  if (Object.keys(definition).length < channels.reduce((sum, { isTracing }) => sum + (isTracing ? 3 : 1), 0)) {
    throw wrong(`two channels of provider ${show(name)} make probes of the same name; give probe for one of them`);
  }
  const made = provider(name, definition) as Provider & Probes;
  const ends = channels.map((channel) => {
    const { probe } = channel;
    const [probes, listeners] = channel.isTracing
      ? tracing(channel, made[`${probe}__start`]!, made[`${probe}__done`]!, made[`${probe}__error`]!)
      : plain(channel, made[probe]!);
    const wantsRequest = [...channel.fields, ...channel.done].some(([path]) => path === REQUEST);
    // First who knows the request, should the channel be the one that tells of it.
    const behind = together(...(wantsRequest ? [requests] : []), subscriptions(listeners));
    return whileTraced(probes, behind.on, behind.off);
  });
  return () => {
    for (const end of ends) end();
    made.unload();
  };
}

type Behind = [Probe<unknown[]>[], Listeners];

function plain({ channel, fields }: Described, probe: Probe<unknown[]>): Behind {
  return [[probe], { [channel]: (message) => probe.fire(...pickAll(fields, message)) }];
}

interface Message {
  result?: unknown;
  error?: unknown;
  async?: unknown;
}

function tracing(
  { channel, fields, done }: Described,
  start: Probe<unknown[]>,
  end: Probe<unknown[]>,
  failed: Probe<unknown[]>,
): Behind {
  /** By their messages, of which each piece of work has one. */
  const running = new WeakMap<Message, { id: number; began: bigint }>();
  const finish = (message: Message) => {
    const work = running.get(message);
    if (!work) return;
    running.delete(message);
    end.fire(work.id, now() - work.began, ...pickAll(done, message));
  };
  return [
    [start, end, failed],
    {
      [`${channel}:start`](message: Message) {
        const id = nextId();
        if (start.enabled) start.fire(id, ...pickAll(fields, message));
        running.set(message, { id, began: now() });
      },
      [`${channel}:end`](message: Message) {
        // Of a promise or a callback, Node.js has neither yet; fastify says so itself.
        if ('result' in message || message.async === false) finish(message);
      },
      [`${channel}:asyncStart`]: finish,
      [`${channel}:error`](message: Message) {
        const work = running.get(message);
        if (!work) return;
        running.delete(message);
        failed.fire(
          work.id,
          now() - work.began,
          textOf((message.error as { message?: unknown } | null)?.message ?? message.error),
        );
      },
    },
  ];
}

const REQUEST = '@request';

function pickAll(fields: readonly Field[], message: unknown): unknown[] {
  return fields.flatMap(([path, argument]) => (argument.type === 'stack' ? [] : [pick(path, argument, message)]));
}

function pick(path: string, { type }: Argument, message: unknown): unknown {
  if (path === REQUEST) return currentRequest().id;
  const value = path === '' ? message : read(message, path.split('.'));
  switch (type) {
    case 'string':
      return textOf(value);
    case 'boolean':
      return Boolean(value);
    case 'json':
    case 'bytes':
      return value;
    default:
      return typeof value === 'bigint' ? value : Number(value ?? 0);
  }
}

function read(message: unknown, path: readonly string[]): unknown {
  let value = message;
  for (const key of path) {
    if (value === undefined || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

const textOf = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

const wrong = (message: string) => new DefinitionError('SONDE_DEFINITION', message);
