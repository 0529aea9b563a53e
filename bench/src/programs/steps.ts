// What applications under load fire besides what they have of their own.
import { createInterface } from 'node:readline';
import { int32, type Probe, provider, status, string } from 'sonde';
import { writeLine } from './lines.js';

/** `web:step0` and so on. */
export function makeSteps(count: number): Probe<[what: string, number: number]>[] {
  if (count === 0) return [];
  const keys = Array.from({ length: count }, (_, index) => `step${index}`);
  return Object.values(
    provider('web', Object.fromEntries(keys.map((key) => [key, [string('what'), int32('number')]]))),
  ) as unknown as Probe<[what: string, number: number]>[];
}

export interface Listening {
  port: number;
  /** Of each provider, what to attach a tracer to. */
  locations: Record<string, string>;
}

/**
 * Writes, as JSON, where the server listens and what to attach a tracer to. To each line of
 * standard input, `provider:probe` or `provider:*`, it then says whether all of those are traced,
 * and ends with it.
 */
export async function tell(port: number): Promise<never> {
  const locations = status().providers.flatMap(({ name, location }) => (location ? [[name, location] as const] : []));
  writeLine(JSON.stringify({ port, locations: Object.fromEntries(locations) } satisfies Listening));
  for await (const line of createInterface(process.stdin)) {
    const [provider, probe] = line.split(':');
    const named = status()
      .providers.filter(({ name }) => name === provider)
      .flatMap(({ probes }) => probes.filter(({ name }) => probe === '*' || name === probe));
    writeLine(String(named.length > 0 && named.every(({ enabled }) => enabled)));
  }
  process.exit();
}
