// User events: tracepoints that a program registers (Linux documentation, trace/user_events). The
// kernel sets a bit in our memory while somebody traces one, and firing is one system call, without
// a trap.
import { accessSync, constants } from 'node:fs';
import type { NativeArgument, NativeType, ProbeDefinition, ProviderDefinition } from '@sonde/core/internal';
import { getBinding, type ProbeEvent, symbolOf } from '@sonde/native';

/** Where tracefs is: mounted by itself, or within debugfs. */
const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** `MAX_EVENT_DESC` of kernel/trace/trace_events_user.c is 512 with the NUL. */
const LONGEST_DESCRIPTION = 511;

/**
 * Bytes of an event without its header: ftrace keeps an event within a page of 4096, of which its
 * own headers take some 30 (kernel/trace/ring_buffer.c, `max_data_size`), and drops a larger one
 * silently.
 */
const LARGEST_EVENT = 4032;

/** Four bytes for each event, of which the kernel sets the lowest bit. */
const WORD = 4;

/**
 * Types as `user_event_field_size` in the kernel knows them; where there is a choice, C's own
 * names, which bpftrace understands without the kernel's BTF, too. int8 and int16 take four bytes,
 * because perf and ftrace show narrower ones without their sign. A text's field holds where it lies
 * in the event.
 */
const TYPES: Record<NativeType, { type: string; size: number }> = {
  int8: { type: 'int', size: 4 },
  int16: { type: 'int', size: 4 },
  int32: { type: 'int', size: 4 },
  int64: { type: 's64', size: 8 },
  uint8: { type: 'unsigned char', size: 1 },
  uint16: { type: 'unsigned short', size: 2 },
  uint32: { type: 'unsigned int', size: 4 },
  uint64: { type: 'u64', size: 8 },
  boolean: { type: 'unsigned char', size: 1 },
  string: { type: '__data_loc char[]', size: 4 },
  pointer: { type: 'u64', size: 8 },
};

export interface UserEvents {
  /** In the definition's order. */
  probes: ProbeEvent[];
  /** Withdraws the events. */
  close(): void;
}

/**
 * Registers a user event for each probe. Throws with the reason, and then none of them is
 * registered.
 */
export function openUserEvents({ name: provider, probes }: ProviderDefinition): UserEvents {
  const path = `${findTracefs()}/user_events_data`;
  const names = probes.map((probe) => symbolOf(provider, probe.name));
  const fields = probes.map(fieldsOf);
  const { events, enabled } = open(
    path,
    names.map((name, index) => describeEvent(name, fields[index]!)),
  );
  return {
    probes: names.map((name, index) => ({
      name: `tracepoint:user_events:${name}`,
      flag: enabled.subarray(index * WORD, index * WORD + 1),
      written: { events, index, fields: fields[index]! },
    })),
    close: () => getBinding().closeEvents(events),
  };
}

function findTracefs(): string {
  const reasons: string[] = [];
  for (const folder of TRACEFS) {
    const path = `${folder}/user_events_data`;
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return folder;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      reasons.push(`${path} (${code ?? message})`);
    }
  }
  throw new Error(
    `this process cannot write to ${reasons.join(' or ')}; Linux has it from 6.4 on, with CONFIG_USER_EVENTS, for root`,
  );
}

/** An argument in an event. */
export interface Field extends NativeArgument {
  /** The argument's place among the probe's native arguments. */
  slot: number;
  /** Bytes of the argument in the event; 0 for a text, which lies behind the fields. */
  size: number;
  /** The most bytes of a text, without its NUL. */
  limit: number;
}

/**
 * A probe's arguments in the event's order: the largest first. Then each lies where a C compiler
 * would put it, which tools rely on, and there are no gaps.
 */
export function fieldsOf({ arguments: args, native }: ProbeDefinition): Field[] {
  const limits = args.flatMap(({ type, limit = 0 }) => (type === 'bytes' ? [0, 0] : [limit]));
  const fields = native.map(({ name, type }, slot) => {
    return { name, type, slot, size: type === 'string' ? 0 : TYPES[type].size, limit: limits[slot]! };
  });
  fit(fields);
  return fields.sort((a, b) => TYPES[b.type].size - TYPES[a.type].size);
}

/**
 * Cuts the limits of texts so that all of them fit into an event: those that are long share the
 * room.
 */
function fit(fields: readonly Field[]): void {
  let room = LARGEST_EVENT - fields.reduce((sum, { type }) => sum + TYPES[type].size, 0);
  const texts = fields.filter(({ type }) => type === 'string').sort((a, b) => a.limit - b.limit);
  texts.forEach((text, index) => {
    const share = Math.floor(room / (texts.length - index));
    text.limit = Math.min(text.limit, share - 1); // with its NUL
    room -= text.limit + 1;
  });
}

/**
 * An event as the kernel wants it: `smtp_session__start __data_loc char[] peer; int port`. Throws
 * when it would not take it.
 */
export function describeEvent(event: string, fields: readonly Field[]): string {
  const common = fields.find(({ name }) => name.startsWith('common_'));
  if (common) throw new Error(`argument ${common.name} of ${event} has a name like those that every tracepoint has`);
  const description = [event, fields.map(({ name, type }) => `${TYPES[type].type} ${name}`).join('; ')]
    .join(' ')
    .trim();
  if (description.length <= LONGEST_DESCRIPTION) return description;
  throw new Error(
    `the kernel takes ${LONGEST_DESCRIPTION} bytes to describe an event, and ${event} with the names of its arguments has ` +
      `${description.length}`,
  );
}

function open(path: string, descriptions: string[]) {
  try {
    return getBinding().openEvents(path, descriptions);
  } catch (error) {
    const { message, errno } = error as NodeJS.ErrnoException;
    const { EADDRINUSE } = process.getBuiltinModule('node:os').constants.errno;
    if (errno !== EADDRINUSE) throw error;
    throw new Error(
      'something else has registered a user event of this name with other fields: another program, another provider of this one, or ' +
        `what was just withdrawn (${message}); rename one`,
    );
  }
}
