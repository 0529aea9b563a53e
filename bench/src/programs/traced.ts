// Fires smtp.sessionStart as often as each line that it reads says, and answers with nanoseconds
// for each fire.
//   node traced.js WAY
// Its first line is what to attach a tracer to.
import { release } from 'node:os';
import { int32, provider, status, string } from '@sonde/core';
import { type Backend, type ProviderDefinition, registerBackends } from '@sonde/core/internal';
import { firstInstruction, loadProbeObject, thisMachine } from '@sonde/native';
import { readLine, writeLine } from './lines.js';

/**
 * `sonde`: the package as it is. `nop1`, `nop5`: the same through sonde's own packages, but with
 * this nop, whatever sonde chooses for the kernel. `changing`: the package as it is, each time with
 * another text. `native`: what a probe calls when it is traced, called directly. `ten`: the package
 * as it is, with ten probes that fire in turn. `operation`: the package as it is, an operation that
 * runs work. `ebpf`: the package with that backend. `usdt`: as npm's usdt fires: it asks a native
 * function whether the probe is enabled, calls a closure for the values, and hands a native
 * function the array.
 */
export type Way = 'sonde' | 'changing' | 'ten' | 'operation' | 'ebpf' | 'usdt' | 'nop1' | 'nop5' | 'native';

const PEER = '10.0.0.7';
const way = process.argv[2] as Way;

const loop = await loopOf(way);
for (let line = readLine(); line !== undefined; line = readLine()) {
  const times = Number(line);
  const start = process.hrtime.bigint();
  loop(times);
  writeLine(String(Number(process.hrtime.bigint() - start) / times));
}

async function loopOf(way: Way): Promise<(times: number) => void> {
  const source = { sessionStart: [string('peer'), int32('port')] } as const;
  if (way === 'operation') {
    const { provider, operation, string, int32, status } = await import('sonde');
    const smtp = provider('smtp', { delivery: operation({ start: [string('peer')], done: [int32('port')] }) });
    writeLine(`usdt:${status().providers[0]!.location}:smtp:*`);
    return (times) => {
      for (let port = 0; port < times; port++)
        smtp.delivery.run(
          [PEER],
          () => port,
          (port) => [port],
        );
    };
  }
  if (way === 'sonde' || way === 'changing' || way === 'ten' || way === 'ebpf') {
    const sonde = await import('sonde');
    const keys = ['sessionStart', ...(way === 'ten' ? ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'] : [])];
    const smtp = sonde.provider('smtp', Object.fromEntries(keys.map((key) => [key, source.sessionStart])));
    const { location, probes: visible } = sonde.status().providers[0]!;
    writeLine(way === 'ten' ? `usdt:${location}:smtp:*` : visible[0]!.tracer);
    const probes = keys.map((key) => smtp[key]!);
    if (way === 'ten') {
      return (times) => {
        for (let port = 0; port < times; port++) probes[port % 10]!.fire(PEER, port);
      };
    }
    const probe = probes[0]!;
    if (way === 'changing') {
      const peers = Array.from({ length: 256 }, (_, index) => `10.0.0.${index}`);
      return (times) => {
        for (let port = 0; port < times; port++) probe.fire(peers[port & 255]!, port);
      };
    }
    return (times) => {
      for (let port = 0; port < times; port++) probe.fire(PEER, port);
    };
  }
  let direct: (...values: never[]) => void = () => {};
  let ask: () => void = () => {};
  registerBackends({
    table: {
      noop: () =>
        forced(way === 'native' || way === 'usdt' ? firstInstruction(release(), process.arch) : way === 'nop5' ? 5 : 1),
    },
    buildDefault: () => 'noop',
  });
  const probe = provider('smtp', { ...source, ask: [] }).sessionStart;
  writeLine(`usdt:${status().providers[0]!.location}:smtp:session__start`);
  if (way === 'native') {
    const fire = direct as (peer: string, port: number) => void;
    return (times) => {
      for (let port = 0; port < times; port++) fire(PEER, port);
    };
  }
  if (way === 'usdt') {
    const fire = direct as (...values: unknown[]) => void;
    const fireOf = (values: () => unknown) => {
      ask();
      const made = values();
      if (Array.isArray(made)) fire(...made);
    };
    return (times) => {
      for (let port = 0; port < times; port++) fireOf(() => [PEER, port]);
    };
  }
  return (times) => {
    for (let port = 0; port < times; port++) probe.fire(PEER, port);
  };

  /** The systemtap backend with a given nop. Registered as noop, which may be any backend. */
  function forced(nop: 1 | 5 | 10): Backend {
    return {
      load(provider: ProviderDefinition) {
        const loaded = loadProbeObject(
          provider,
          { ...thisMachine(), nop },
          { notes: true, extension: 'so', tracer: () => '' },
        );
        direct = loaded.probes[0]!.fire;
        ask = loaded.probes[1]!.fire;
        return loaded;
      },
    };
  }
}
