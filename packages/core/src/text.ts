/**
 * A text as a tracer sees it: at most `limit` bytes of UTF-8, cut after a whole character, with `␀`
 * for each NUL and `�` for each lone surrogate. The addon does the same in its own way; the
 * conformance suite holds the two together.
 */
export function asSeen(text: string, limit: number): string {
  // Each UTF-16 unit makes at least one byte, so what is beyond `limit` units cannot be seen.
  const bytes = Buffer.from(text.slice(0, limit + 1).replaceAll('\0', '␀'));
  if (bytes.length <= limit) return bytes.toString();
  let end = limit;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
