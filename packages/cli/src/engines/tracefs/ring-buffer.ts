// The pages of the kernel's trace buffer, as trace_pipe_raw gives them (include/linux/ring_buffer.h
// and events/header_page, events/header_event in tracefs).

/** An entry: when it was made, and where in the page its data is. */
export interface Entry {
  time: bigint;
  start: number;
  end: number;
}

export interface Page {
  entries: Entry[];
  /** How many entries before it the buffer had no room for; undefined if that is not known, but some. */
  lost: number | undefined;
}

export const PAGE_SIZE = 4096;

const HEADER_SIZE = 16;
/** Bits of the header's second word: some are lost, and their number is behind the data. */
const MISSED_EVENTS = 0x8000_0000;
const MISSED_STORED = 0x4000_0000;

// Values of type_len that are no length.
const DATA_TYPE_LEN_MAX = 28;
const PADDING = 29;
const TIME_EXTEND = 30;
const TIME_STAMP = 31;

/** The upper bits of a time, which an absolute time leaves out. */
const TIME_STAMP_MSB = 0xf8n << 56n;

export function parsePage(page: DataView): Page {
  let time = page.getBigUint64(0, true);
  const commit = page.getUint32(8, true);
  const end = HEADER_SIZE + (commit & 0xfffff);
  let lost: number | undefined = 0;
  if (commit & MISSED_EVENTS) {
    lost = commit & MISSED_STORED ? Number(page.getBigUint64(end, true)) : undefined;
  }
  const entries: Entry[] = [];
  let at = HEADER_SIZE;
  while (at + 4 <= end) {
    const header = page.getUint32(at, true);
    const type = header & 31;
    const delta = BigInt(header >>> 5);
    at += 4;
    if (type > 0 && type <= DATA_TYPE_LEN_MAX) {
      time += delta;
      entries.push({ time, start: at, end: at + 4 * type });
      at += 4 * type;
    } else if (type === 0) {
      time += delta;
      const length = page.getUint32(at, true);
      entries.push({ time, start: at + 4, end: at + length });
      at += length;
    } else if (type === PADDING) {
      // Nothing more, or what was thrown away.
      if (delta === 0n) break;
      time += delta;
      at += page.getUint32(at, true);
    } else {
      const value = (BigInt(page.getUint32(at, true)) << 27n) + delta;
      if (type === TIME_EXTEND) time += value;
      if (type === TIME_STAMP) time = value | (time & TIME_STAMP_MSB);
      at += 4;
    }
  }
  return { entries, lost };
}
