// Whoever pairs requests with their ends by id keeps one entry for each that has none, for ever: so
// each has one, in whichever way it ends.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { Fired } from 'sonde/testing';
import type { Commands } from '../../fixtures/requests-program.js';
import { CalledProgram } from '../../support/called-program.js';
import { REGISTER } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/requests-program.js', import.meta.url));
const version = Number.parseInt(process.versions.node, 10);

/** What tells of a request, and what of its end. */
const SIDES = {
  server: ['http__server__request', 'http__server__response', 'http__server__abort'],
  client: ['http__client__request', 'http__client__response', 'http__client__error'],
  'http2 server': ['http2__server__request', 'http2__server__close'],
  'http2 client': ['http2__client__request', 'http2__client__close'],
  fetch: ['undici__request', 'undici__done', 'undici__error'],
};

/**
 * The ends of each side's requests, in the requests' order: `response 200`, `abort`, `done`,
 * `error`, `close`; in brackets what has no beginning, and `none` or several where it has not one.
 */
function ends(fired: readonly Fired[]): Record<string, string> {
  const sides = Object.entries(SIDES).map(([side, [start, ...probes]]) => {
    const began = fired.filter(({ probe }) => probe === start);
    const ended = fired.filter(({ probe }) => probes.includes(probe));
    const ids = new Set([...began, ...ended].map(({ values }) => values.id));
    const texts = [...ids].map((id) => {
      const own = ended.filter(({ values }) => values.id === id);
      const text = own.map(({ probe, values: { status } }) => probe.replace(/.*__/, '') + (status ? ` ${status}` : ''));
      const starts = began.filter(({ values }) => values.id === id);
      if (starts.length === 0) return `(${text.join(' and ')})`;
      if (starts.length > 1 || (own[0] && fired.indexOf(own[0]) < fired.indexOf(starts[0]!))) text.push('out of order');
      return text.join(' and ') || 'none';
    });
    return [side, texts.join(', ')] as const;
  });
  return Object.fromEntries(sides.filter(([, text]) => text !== ''));
}

const answered = (status: number) => ({ server: `response ${status}`, client: `response ${status}` });
const givenUp = { server: 'abort 200', client: 'error' };
const left = { server: 'abort 200', client: 'response 200' };

/** Of http and https alike. */
const WAYS: Record<string, Record<string, string>> = {
  upgrade: answered(101),
  'upgrade, by an agent': answered(101),
  'upgrade, accepted later': answered(101),
  'upgrade, refused': answered(401),
  'upgrade, answered in pieces': answered(101),
  'upgrade, answered by no http': { server: 'response', client: 'error' },
  'upgrade, the server destroys it': { server: 'abort', client: 'error' },
  'upgrade, the server does not listen': answered(200),
  'upgrade, the client does not listen': answered(101),
  // There is no such callback on 20.
  'upgrade, wanted by a callback, and nobody listens':
    version > 20 ? { server: 'abort', client: 'error' } : answered(200),
  'upgrade with a body': answered(101),
  'upgrade behind another request': { server: 'response 200, response 101' },
  connect: answered(200),
  'connect, refused': answered(407),
  'connect, the server does not listen': { server: 'abort', client: 'error' },
  'connect, the client does not listen': answered(200),

  'an answer': answered(200),
  HEAD: answered(200),
  'information before the answer': answered(200),
  'a body that waits': answered(200),
  'a body that waits, and is not wanted': { server: 'response 417', client: '(response 417)' },
  'an expectation that is not met': answered(417),
  'an answer before all was asked': { server: 'response 413', client: '(response 413)' },
  'three on one connection': {
    server: 'response 200, response 200, response 200',
    client: 'response 200, response 200, response 200',
  },
  'three at once on one connection': { server: 'response 200, response 200, response 200' },
  'two at once, and nobody waits': { server: 'abort 200, abort 200' },
  'refused by the system': { client: 'error' },
  'refused by the system, with a body to come': { client: '(error)' },
  'a name that is not found': { client: 'error' },
  'destroyed before it is connected': { client: '(error)' },
  'aborted before it is connected': {},
  'aborted by a signal': givenUp,
  'destroyed while it waits for the agent': { server: 'abort 200', client: 'error, (error)' },
  'a client that has no more time': givenUp,
  'a client that leaves in the middle of the answer': left,
  'a client that leaves before a large answer is there': left,
  'a server that destroys the answer': left,
  'a server that destroys the request': givenUp,
  'a server that closes all connections': givenUp,
  'a server that has no more time': givenUp,
  'a malformed request': {},
  'a malformed body': { server: 'abort 200' },
  'a request without a host': { server: 'response 400' },
  'a malformed answer': { client: 'error' },
  'no answer': { client: 'error' },
  'two answers': { client: 'response 200' },
  'an answer that breaks off': { client: 'response 200' },
};

const both = (end: string) => ({ 'http2 server': end, 'http2 client': end });

const OTHERS: Record<string, Record<string, string>> = {
  'over streams: an answer': { server: 'response 200' },
  'over streams: no answer': { server: 'abort 200' },
  'https by a server of http2': answered(200),
  // Its channels came with 22.17 and 24.2.
  ...(version > 20 && {
    'http2: an answer': both('close'),
    'http2: a push': both('close, close'),
    'http2: cancelled': both('close'),
    'http2: cancelled before it is connected': { 'http2 client': '(close)' },
    'http2: destroyed before it is connected': { 'http2 client': '(close)' },
    'http2: the session is destroyed': both('close'),
    'http2: the server destroys it': both('close'),
    'http2: the server does not listen': both('close'),
  }),
  'fetch: an answer': { server: 'response 200', fetch: 'done' },
  'fetch: HEAD': { server: 'response 200', fetch: 'done' },
  'fetch: redirected': { server: 'response 302, response 200', fetch: 'done, done' },
  'fetch: refused by the system': { fetch: 'error' },
  'fetch: aborted': { server: 'abort 200', fetch: 'error' },
  'fetch: aborted at once': { fetch: 'error' },
  'fetch: the body is not wanted': { server: 'abort 200', fetch: 'error' },
  'fetch: the body breaks off': { server: 'abort 200', fetch: 'error' },
  'WebSocket: accepted': { server: 'response 101', fetch: 'done' },
  'WebSocket: refused': { server: 'response 400', fetch: 'done' },
};

describe('@sonde/node: ends of requests', function () {
  this.timeout(60_000);
  const scene = useScene();

  const requesting = async () => {
    const program = new CalledProgram<Commands>(
      PROGRAM,
      { SONDE_DIR: scene.current.objects },
      { execArgv: ['--import', REGISTER, ...(version === 20 ? ['--experimental-websocket'] : [])] },
    );
    scene.current.defer(() => program.kill());
    await program.call('record');
    return program;
  };
  /** One program does all of them, one after the other. */
  const check = async (ways: Record<string, Record<string, string>>, prefix = '') => {
    const program = await requesting();
    for (const [way, expected] of Object.entries(ways)) {
      const found = ends(await program.call('fired', prefix + way));
      const wrong = Object.values(found).filter((text) => /none|and|out of order/.test(text));
      assert.deepEqual(wrong, [], `${prefix}${way}: ${JSON.stringify(found)}`);
      for (const [side, end] of Object.entries(expected)) assert.equal(found[side], end, `${prefix}${way}, ${side}`);
    }
  };

  it('http: one each', () => check(WAYS, 'http: '));
  it('https: one each', () => check(WAYS, 'https: '));
  it('http2, fetch and WebSocket, and connections that are no sockets: one each', () => check(OTHERS));
});
