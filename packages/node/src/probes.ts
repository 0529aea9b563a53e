// All probes of the provider `node`, by family: what README.md tells of, in one definition, so that
// there is one probe object, which all processes share. Every process reads this; what is behind
// the probes, few do.
import { boolean, int32, string, uint32, uint64 } from 'sonde';

/** As all requests and responses have them, of http and http2, of servers and clients. */
export const requestArguments = [
  uint64('id'),
  uint64('connection'),
  string('address'),
  int32('port'),
  string('method'),
  string('url'),
  int32('fd'),
  string('host'),
] as const;

export const responseArguments = [
  uint64('connection'),
  string('address'),
  int32('port'),
  int32('fd'),
  uint64('id'),
  uint64('ns'),
  int32('status'),
  string('method'),
  string('url'),
] as const;

export const httpServerProbes = {
  httpServerRequest: requestArguments,
  httpServerResponse: responseArguments,
  httpServerAbort: responseArguments,
} as const;

export const httpClientProbes = {
  httpClientRequest: requestArguments,
  httpClientResponse: responseArguments,
  httpClientError: [uint64('id'), uint64('ns'), string('message'), string('method'), string('url'), string('host')],
} as const;

const closeArguments = [uint64('id'), uint64('ns'), int32('code')] as const;

export const http2Probes = {
  http2ServerRequest: requestArguments,
  http2ServerResponse: responseArguments,
  http2ServerClose: closeArguments,
  http2ClientRequest: requestArguments,
  http2ClientResponse: responseArguments,
  http2ClientClose: closeArguments,
} as const;

export const undiciProbes = {
  undiciRequest: [uint64('id'), string('origin'), string('method'), string('path')],
  undiciResponse: [uint64('id'), uint64('ns'), int32('status'), string('origin'), string('method'), string('path')],
  undiciDone: [uint64('id'), uint64('ns')],
  undiciError: [uint64('id'), uint64('ns'), string('message')],
} as const;

const connection = [uint64('connection'), string('address'), int32('port'), int32('fd')] as const;

export const netProbes = {
  netServerConnection: [...connection, string('localAddress'), int32('localPort')],
  netStreamEnd: [...connection, uint64('bytesIn'), uint64('bytesOut'), uint64('ns')],
  netClientConnect: [...connection, uint64('ns'), int32('localPort'), string('host')],
  netClientError: [uint64('connection'), string('host'), int32('port'), string('code'), uint64('ns')],
} as const;

export const udpProbes = {
  udpSocket: [uint64('socket'), string('type')],
  udpSend: [uint64('socket'), string('address'), int32('port'), uint64('bytes')],
  udpReceive: [uint64('socket'), string('address'), int32('port'), uint64('bytes')],
} as const;

export const dnsProbes = {
  dnsStart: [uint64('id'), string('function'), string('name')],
  dnsDone: [uint64('id'), uint64('ns'), string('function'), string('name'), int32('answers'), string('answer')],
  dnsError: [uint64('id'), uint64('ns'), string('function'), string('name'), string('code')],
} as const;

export const allocationProbes = {
  allocSample: [uint64('bytes'), int32('count'), string('function'), string('file'), int32('line')],
} as const;

export const childProcessProbes = {
  childStart: [int32('pid'), string('file'), string('arguments')],
  childExit: [int32('pid'), int32('code'), string('signal'), uint64('ns'), string('file')],
  childError: [string('file'), string('code')],
} as const;

export const errorProbes = {
  exceptionUncaught: [string('message'), string('stack'), string('origin')],
  promiseRejection: [string('message'), string('stack')],
} as const;

export const exceptionProbes = {
  exceptionThrown: [string('message'), string('function'), string('file'), int32('line'), boolean('uncaught')],
} as const;

export const eventLoopProbes = {
  loopIteration: [uint64('busy'), uint64('idle')],
  loopDelay: [uint64('ns')],
  loopSlow: [uint64('ns'), uint64('request'), string('method'), string('url'), string('resource')],
  timerLate: [uint64('ns'), int32('delay'), uint64('request')],
} as const;

export const gcProbes = {
  gcStart: [uint32('kind'), uint32('flags'), uint64('used')],
  gcDone: [uint32('kind'), uint32('flags'), uint64('ns'), uint64('used'), uint64('before')],
  heapSpace: [string('name'), uint64('used'), uint64('available'), uint64('committed')],
} as const;

export const moduleProbes = {
  moduleStart: [string('kind'), string('specifier'), string('parent')],
  moduleDone: [string('kind'), string('specifier'), string('parent'), string('file'), uint64('ns'), string('error')],
} as const;

export const threadProbes = {
  threadStart: [int32('thread'), int32('tid'), uint64('age')],
  workerCreate: [int32('thread')],
  workerExit: [int32('thread'), int32('code'), uint64('ns')],
} as const;

/** Of functions that have probes in them, or are watched (README.md has the table). */
export const functionProbes = {
  functionEntry: [string('file'), string('function'), int32('line')],
  functionReturn: [string('file'), string('function'), int32('line'), uint64('ns'), boolean('threw')],
  functionWatch: [string('name'), int32('functions'), string('reason'), uint64('ns')],
  functionDropped: [string('file'), string('function'), int32('line'), uint64('hits'), int32('percent')],
} as const;

export const stacksProbes = {
  /** Never fired: JavaScript frames have names while a tracer is attached to it. */
  stacksOn: [],
  /** Never fired: the same, with perf's jitdump as well. */
  stacksJitdump: [],
  /**
   * Names are there now, in this thread: what it took, the pieces of code, and whether interpreted
   * functions that were there before have names.
   */
  stacksReady: [uint64('ns'), uint32('entries'), boolean('flushed')],
} as const;

export const nodeProbes = {
  ...httpServerProbes,
  ...httpClientProbes,
  ...http2Probes,
  ...undiciProbes,
  ...netProbes,
  ...udpProbes,
  ...dnsProbes,
  ...allocationProbes,
  ...childProcessProbes,
  ...errorProbes,
  ...exceptionProbes,
  ...eventLoopProbes,
  ...gcProbes,
  ...moduleProbes,
  ...threadProbes,
  ...functionProbes,
  ...stacksProbes,
} as const;
