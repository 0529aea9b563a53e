// Times and sizes as people write and read them.
import type { Unit } from '../model.js';

const TIMES = { ns: 1n, us: 1_000n, µs: 1_000n, ms: 1_000_000n, s: 1_000_000_000n, min: 60_000_000_000n };
const SIZES = {
  B: 1n,
  kB: 1_000n,
  KB: 1_000n,
  MB: 1_000_000n,
  GB: 1_000_000_000n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
};

/** What a number may be followed by in a condition: `1.5ms`, `64KiB`. */
export const SUFFIXES: Readonly<Record<string, bigint>> = { ...TIMES, ...SIZES };

/** A time in nanoseconds: `1.25ms`; three digits, exact below a microsecond. */
export function showNanoseconds(ns: bigint | number): string {
  return show(Number(ns), [
    ['ns', 1],
    ['µs', 1e3],
    ['ms', 1e6],
    ['s', 1e9],
  ]);
}

/** A number of bytes: `1.25KiB`; three digits, exact below 1,024. */
export function showBytes(bytes: bigint | number): string {
  return show(Number(bytes), [
    ['B', 1],
    ['KiB', 2 ** 10],
    ['MiB', 2 ** 20],
    ['GiB', 2 ** 30],
    ['TiB', 2 ** 40],
  ]);
}

/** A number in its unit, if it has one; whole numbers are exact, with all their digits. */
export function showNumber(value: bigint | number, unit: Unit | undefined): string {
  if (unit === 'nanoseconds') return showNanoseconds(value);
  if (unit === 'bytes') return showBytes(value);
  return String(value);
}

/** In milliseconds, of a text as `10s` or `500ms`; nothing if it is not a time. */
export function parseMilliseconds(text: string): number | undefined {
  const [, digits, suffix] = /^(\d+(?:\.\d+)?)([a-zµ]+)$/.exec(text) ?? [];
  if (digits === undefined || !Object.hasOwn(TIMES, suffix!)) return undefined;
  return (Number(digits) * Number(TIMES[suffix as keyof typeof TIMES])) / 1e6;
}

function show(value: number, units: readonly (readonly [string, number])[]): string {
  let [name, size] = units[0]!;
  for (const [larger, itsSize] of units) {
    // 999.6 of the smaller would be printed with four digits.
    if (Math.abs(value) >= itsSize * 0.9995) [name, size] = [larger, itsSize];
  }
  if (size === 1) return `${value}${name}`;
  const scaled = value / size;
  const digits = Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0;
  return `${scaled.toFixed(digits)}${name}`;
}
