// Behind these are the functions of node:dns and node:dns/promises, replaced while traced; `net`
// and `http` call them there too. Who took one out of the module before, by
// `const { lookup } = require('dns')` or `import { lookup } from 'dns'`, is not seen: Node.js
// brings what was imported up to date for all of its modules or for none, and a program may have
// replaced functions of others by some that call what it imported. Resolver objects are not seen
// either.
import type { Provider } from 'sonde';
import { follow } from 'sonde/internal';
import type { dnsProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { together } from './channels.js';
import { now, since } from './clock.js';
import { guarded } from './guard.js';
import { nextId } from './identity.js';
import { around } from './methods.js';

const FUNCTIONS = [
  'lookup',
  'lookupService',
  'resolve',
  'resolve4',
  'resolve6',
  'resolveAny',
  'resolveCaa',
  'resolveCname',
  'resolveMx',
  'resolveNaptr',
  'resolveNs',
  'resolvePtr',
  'resolveSoa',
  'resolveSrv',
  'resolveTxt',
  'reverse',
];

export function watchDns(node: Provider<typeof dnsProbes>): void {
  const withCallback = (name: string) =>
    around(
      () => process.getBuiltinModule('node:dns'),
      name,
      (_self, args) => {
        const callback = args.at(-1);
        if (typeof callback !== 'function') return undefined;
        const query = queryOf(node, name, args[0]);
        args[args.length - 1] = function (this: unknown, error: unknown, ...results: unknown[]) {
          if (error) query.failed(error);
          else query.done(results[0]);
          // With as many arguments as there were: a program may count them.
          // biome-ignore lint/complexity/noArguments: see above
          return Reflect.apply(callback, this, arguments);
        };
        return (result, threw) => {
          if (!threw) query.started();
          return result;
        };
      },
    );
  const withPromise = (name: string) =>
    around(
      () => process.getBuiltinModule('node:dns/promises'),
      name,
      (_self, args) => {
        const query = queryOf(node, name, args[0]);
        return (result, threw) => {
          if (threw) return undefined;
          query.started();
          followAnswer(node, result, query);
          return result;
        };
      },
    );
  const { on, off } = together(...FUNCTIONS.flatMap((name) => [withCallback(name), withPromise(name)]));
  whileTraced([node.dnsStart, node.dnsDone, node.dnsError], on, off);
}

interface Query {
  started(): void;
  /** The time of the end is now, and not when it is told. */
  ended(): void;
  done(answer: unknown): void;
  failed(error: unknown): void;
}

/**
 * It starts when Node.js has taken its arguments, and has one end, whatever a stand-in of the
 * program's does.
 */
function queryOf(node: Provider<typeof dnsProbes>, name: string, asked: unknown): Query {
  const [id, began, question] = [nextId(), now(), typeof asked === 'string' ? asked : ''];
  let isStarted = false;
  let hasEnded = false;
  let ns: bigint | undefined;
  const started = () => {
    if (!isStarted) node.dnsStart.fire(id, name, question);
    isStarted = true;
  };
  const end = (fire: (ns: bigint) => void) => {
    started();
    if (!hasEnded) fire(ns ?? since(began));
    hasEnded = true;
  };
  return {
    started,
    ended: () => {
      ns = since(began);
    },
    done: guarded((answer: unknown) => {
      const answers = Array.isArray(answer) ? answer : [answer];
      end((ns) => node.dnsDone.fire(id, ns, name, question, answers.length, textOf(answers[0])));
    }),
    failed: guarded((error: unknown) => {
      end((ns) => node.dnsError.fire(id, ns, name, question, codeOf(error)));
    }),
  };
}

/**
 * Sees the end of what a function of dns/promises returned; a stand-in of the program's may return
 * anything.
 */
function followAnswer(node: Provider<typeof dnsProbes>, promise: unknown, query: Query): void {
  if (!(promise instanceof Promise)) {
    query.done(promise);
    return;
  }
  const follower = {
    get enabled() {
      return node.dnsDone.enabled || node.dnsError.enabled;
    },
  };
  follow(promise, follower, {
    settled: query.ended,
    fulfilled: query.done,
    rejected: query.failed,
    unknown() {},
  });
}

function codeOf(error: unknown): string {
  const { code = '' } = (error ?? {}) as { code?: unknown };
  return String(code);
}

function textOf(answer: unknown): string {
  if (typeof answer === 'string') return answer;
  const { address } = (answer ?? {}) as { address?: unknown };
  return typeof address === 'string' ? address : (JSON.stringify(answer) ?? '');
}
