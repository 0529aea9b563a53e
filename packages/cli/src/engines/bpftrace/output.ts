// What bpftrace prints with `-f json`.

/** A value of a map by its keys, as they stand there; of a map without keys by an empty text. */
export type MapValues<Value> = Map<string, Value>;

export interface Bucket {
  min?: string;
  max?: string;
  count: string;
}

export type Printed =
  | { type: 'count'; map: string; values: MapValues<string> }
  | { type: 'hist'; map: string; values: MapValues<Bucket[]> }
  | { type: 'text'; text: string }
  | { type: 'other' };

/** One line of it. Numbers stay texts, since they have 64 bits. */
export function parseLine(line: string): Printed {
  let parsed: { type?: string; data?: unknown };
  try {
    parsed = JSON.parse(quoteNumbers(repair(line)));
  } catch {
    return { type: 'other' };
  }
  const { type, data } = parsed;
  if (type === 'printf') return { type: 'text', text: String(data) };
  if (type !== 'map' && type !== 'hist') return { type: 'other' };
  const [[map, content] = []] = Object.entries(data as Record<string, unknown>);
  if (map === undefined) return { type: 'other' };
  const name = map.slice(1);
  const isKeyed = typeof content === 'object' && content !== null && !Array.isArray(content);
  const entries = isKeyed ? Object.entries(content) : [['', content] as const];
  if (type === 'hist') return { type: 'hist', map: name, values: new Map(entries as [string, Bucket[]][]) };
  return { type: 'count', map: name, values: new Map(entries.map(([key, value]) => [key, String(value)])) };
}

/** Bytes of 0x80 and more are written as signed characters by 0.17: `\uffffffc3`. */
function repair(line: string): string {
  return line.replace(/(?:\\uffffff[0-9a-f]{2})+/g, (escapes) => {
    const bytes = [...escapes.matchAll(/\\uffffff([0-9a-f]{2})/g)].map(([, hex]) => Number.parseInt(hex!, 16));
    return Buffer.from(bytes).toString();
  });
}

/** Numbers outside of texts. */
function quoteNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d+/g, (found) => (found.startsWith('"') ? found : `"${found}"`));
}
