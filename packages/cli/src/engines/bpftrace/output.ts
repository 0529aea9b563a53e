// What bpftrace prints with `-f json`.

export type Printed =
  /** Counts by their keys, as they stand there; of a map without keys by an empty text. */
  { type: 'map'; map: string; counts: Map<string, number> } | { type: 'text'; text: string } | { type: 'other' };

/**
 * One line of it.
 *
 * @param areKeysEscaped whether keys are escaped twice, as they are by 0.23
 */
export function parseLine(line: string, areKeysEscaped: boolean): Printed {
  let parsed: { type?: string; data?: unknown };
  try {
    parsed = JSON.parse(areKeysEscaped ? line : repair(line));
  } catch {
    return { type: 'other' };
  }
  const { type, data } = parsed;
  if (type === 'printf') return { type: 'text', text: String(data) };
  if (type !== 'map') return { type: 'other' };
  const [[map, content] = []] = Object.entries(data as Record<string, number | Record<string, number>>);
  if (map === undefined || content === undefined) return { type: 'other' };
  const entries = typeof content === 'number' ? [['', content] as const] : Object.entries(content);
  const counts = new Map<string, number>();
  for (const [key, count] of entries) {
    const text = areKeysEscaped ? JSON.parse(repair(`"${key}"`)) : key;
    counts.set(text, (counts.get(text) ?? 0) + count);
  }
  return { type: 'map', map: map.slice(1), counts };
}

/** Bytes of 0x80 and more are written as signed characters: `\uffffffc3`. */
function repair(json: string): string {
  return json.replace(/\\[^u]|(?:\\uffffff[0-9a-f]{2})+/g, (escapes) => {
    if (escapes[1] !== 'u') return escapes;
    const bytes = [...escapes.matchAll(/[0-9a-f]{2}(?=\\|$)/g)].map(([hex]) => Number.parseInt(hex, 16));
    return Buffer.from(bytes).toString();
  });
}
