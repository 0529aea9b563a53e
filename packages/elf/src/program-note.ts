import type { ByteWriter } from './bytes.js';
import { NT_SONDE, SHT_NOTE } from './constants.js';
import { ElfError } from './error.js';
import { ElfFile, type ElfInput, LARGEST_TABLE } from './read.js';
import { forEachNote } from './read-notes.js';

/*
 * The note `.note.sonde`: what tools that know sonde are told of a provider besides what SDT notes
 * and DWARF can say. Its content is JSON, so that versions can add to it:
 *
 *     {"format":1,"provider":"smtp","probes":{"delivery__start":{"part":"start"},"put":{"carries":{"frames":"stack"}}}}
 *
 * Probes of which there is nothing to say are not in it.
 */

/** What an argument is to the program, where C knows an address alone. */
export type Carried = 'json' | 'stack' | 'bytes';

/** What the program knows of a probe that tracers do not. */
export interface ProgramProbe {
  /**
   * What the program calls it, or the operation it is a part of. Where it is left out, that is the
   * probe's name with a capital for each `__` and its letter.
   */
  key?: string;
  /** Of an operation, which of its probes it is. */
  part?: 'start' | 'done' | 'error';
  /** By the names of arguments. `bytes` is the address; its length is the next argument. */
  carries?: Record<string, Carried>;
}

/** By the probes' own names. */
export type ProgramProbes = Record<string, ProgramProbe>;

/** The note of an object. */
export interface ProgramNote {
  provider: string;
  probes: ProgramProbes;
}

export const PROGRAM_NOTE = '.note.sonde';
const FORMAT = 1;

export function writeProgramNote(out: ByteWriter, provider: string, probes: ProgramProbes): void {
  const text = Buffer.from(JSON.stringify({ format: FORMAT, provider, probes }));
  out.words([6, text.length, NT_SONDE, 0x646e6f73, 0x65]); // "sond", "e"
  out.copy(text);
  out.align(4);
}

/** The note of a probe object; undefined if it has none that is understood. */
export function readProgramNote(file: ElfFile | ElfInput): ProgramNote | undefined {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  const section = elf.section(PROGRAM_NOTE);
  if (section?.type !== SHT_NOTE || section.size > LARGEST_TABLE) return undefined;
  let note: ProgramNote | undefined;
  try {
    const reader = elf.reader(section.name, section.offset, section.size);
    forEachNote(reader, 4, (owner, type, end) => {
      if (owner === 'sonde' && type === NT_SONDE) note ??= parse(reader.text(end - reader.at));
    });
  } catch (error) {
    if (error instanceof ElfError || error instanceof SyntaxError) return undefined;
    throw error;
  }
  return note;
}

/** Nobody has checked the content: anything may stand there. */
function parse(text: string): ProgramNote | undefined {
  const content: unknown = JSON.parse(text);
  if (!isObject(content)) return undefined;
  const { format, provider, probes } = content;
  if (format !== FORMAT || typeof provider !== 'string' || !isObject(probes)) return undefined;
  const known = Object.entries(probes).map(([name, probe]) => [name, isObject(probe) ? parseProbe(probe) : {}]);
  return { provider, probes: Object.fromEntries(known) };
}

function parseProbe({ key, part, carries }: Record<string, unknown>): ProgramProbe {
  const carried = isObject(carries) ? Object.entries(carries).filter(([, kind]) => isOneOf(CARRIED, kind)) : [];
  return {
    ...(typeof key === 'string' && { key }),
    ...(isOneOf(PARTS, part) && { part }),
    ...(carried.length > 0 && { carries: Object.fromEntries(carried) as Record<string, Carried> }),
  };
}

const CARRIED = ['json', 'stack', 'bytes'] as const;
const PARTS = ['start', 'done', 'error'] as const;

function isOneOf<Value>(list: readonly Value[], value: unknown): value is Value {
  return list.includes(value as Value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
