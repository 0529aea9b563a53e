// Names of arguments of @sonde/node's probes, which DTrace does not tell: what people ask by, and sonde top.
import type { Argument, Probe } from '../../model.js';

/** By the probes of its provider; packages/node/src/probes.ts defines them. @internal */
export const NODE: Readonly<Record<string, string>> = {
  http__server__request: 'id connection address port method url fd host',
  http__server__response: 'connection address port fd id ns status method url',
  http__server__abort: 'connection address port fd id ns status method url',
  http__client__request: 'id connection address port method url fd host',
  http__client__response: 'connection address port fd id ns status method url',
  http__client__error: 'id ns message method url host',
  http2__server__request: 'id connection address port method url fd host',
  http2__server__response: 'connection address port fd id ns status method url',
  http2__server__close: 'id ns code',
  http2__client__request: 'id connection address port method url fd host',
  http2__client__response: 'connection address port fd id ns status method url',
  http2__client__close: 'id ns code',
  undici__request: 'id origin method path',
  undici__response: 'id ns status origin method path',
  undici__done: 'id ns',
  undici__error: 'id ns message',
  net__server__connection: 'connection address port fd localAddress localPort',
  net__stream__end: 'connection address port fd bytesIn bytesOut ns',
  net__client__connect: 'connection address port fd ns localPort host',
  net__client__error: 'connection host port code ns',
  udp__socket: 'socket type',
  udp__send: 'socket address port bytes',
  udp__receive: 'socket address port bytes',
  dns__start: 'id function name',
  dns__done: 'id ns function name answers answer',
  dns__error: 'id ns function name code',
  alloc__sample: 'bytes count function file line',
  child__start: 'pid file arguments',
  child__exit: 'pid code signal ns file',
  child__error: 'file code',
  exception__uncaught: 'message stack origin',
  promise__rejection: 'message stack',
  exception__thrown: 'message function file line uncaught',
  loop__iteration: 'busy idle',
  loop__delay: 'ns',
  loop__slow: 'ns request method url resource',
  timer__late: 'ns delay request',
  gc__start: 'kind flags used',
  gc__done: 'kind flags ns used before',
  heap__space: 'name used available committed',
  module__start: 'kind specifier parent',
  module__done: 'kind specifier parent file ns error',
  thread__start: 'thread tid age',
  worker__create: 'thread',
  worker__exit: 'thread code ns',
  function__entry: 'file function line',
  function__return: 'file function line ns threw',
  function__watch: 'name functions reason ns',
  function__dropped: 'file function line hits percent',
  stacks__ready: 'ns entries flushed',
};

/** A probe with the names that are known: of `node`, no other program has such. */
export function withKnownNames(probe: Probe): Probe {
  if (probe.provider !== 'node' || !Object.hasOwn(NODE, probe.name)) return probe;
  const names = NODE[probe.name]!.split(' ');
  // macOS on arm64 tells of five arguments only.
  if (probe.arguments.length > names.length) return probe;
  return { ...probe, arguments: probe.arguments.map((argument, index) => named(argument, names[index]!)) };
}

/** @internal */
export function named(argument: Argument, name: string): Argument {
  return { ...argument, name, ...(name === 'ns' && { unit: 'nanoseconds' as const }) };
}
