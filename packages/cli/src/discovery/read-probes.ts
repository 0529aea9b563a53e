// The probes of a file: what its notes, its DWARF and sonde's own note say of them.
import {
  type ElfFile,
  type Parameter,
  type Prototype,
  parseOperands,
  readElf,
  readNotes,
  readPrototypes,
  type SdtNote,
  type SdtOperand,
} from '@sonde/elf';
import type { Argument, Probe, Unit } from '../model.js';

/** What a file holds. */
export interface ReadProbes {
  architecture: 'x64' | 'arm64' | undefined;
  probes: Probe[];
}

const MACHINES: Record<number, 'x64' | 'arm64'> = { 62: 'x64', 183: 'arm64' };

/**
 * The probes of an ELF file, those that are in several places once for each.
 *
 * @throws {ElfError} if it is none
 */
export function readProbes(bytes: Uint8Array): ReadProbes {
  const elf = readElf(bytes);
  const notes = readNotes(elf);
  // sonde's own probes are functions, whose parameters they have.
  const prototypes = readPrototypes(elf, new Set(notes.map(({ address }) => address)));
  return {
    architecture: MACHINES[elf.machine],
    probes: notes.flatMap((note) => fromNote(elf, note, prototypes.get(note.address))),
  };
}

function fromNote(elf: ElfFile, note: SdtNote, prototype: Prototype | undefined): Probe[] {
  // Nothing can be set there.
  if (note.fileOffset === undefined) return [];
  const operands = parseOperands(note.arguments);
  const parameters = prototype?.parameters.length === operands.length ? prototype.parameters : undefined;
  const made = operands.map((operand, index) => argumentOf(operand, index, parameters));
  return [
    {
      provider: note.provider,
      name: note.name,
      symbol: parameters && prototype?.name,
      offset: note.fileOffset,
      semaphore: note.semaphore === 0n ? undefined : elf.fileOffset(note.semaphore),
      arguments: made,
    },
  ];
}

function argumentOf(operand: SdtOperand, index: number, parameters: readonly Parameter[] | undefined): Argument {
  const { size, float } = operand;
  const width = Math.abs(size) || 8;
  const parameter = parameters?.[index];
  if (!parameter) {
    const kind = float ? 'float' : size < 0 ? 'signed' : 'unsigned';
    const type = float ? (width === 4 ? 'float' : 'double') : `${size < 0 ? '' : 'u'}int${8 * width}`;
    return { name: `arg${index}`, type, kind, size: width, operand };
  }
  const { name } = parameter;
  // An address, and how many bytes are there.
  const isBytes = parameter.type === 'const void *' && parameters[index + 1]?.name === `${name}_length`;
  const kind = isBytes ? 'bytes' : parameter.kind === 'other' ? 'unsigned' : parameter.kind;
  const unit = kind === 'unsigned' || kind === 'signed' ? unitOf(name) : undefined;
  const type = isBytes ? 'bytes' : (TYPES[parameter.type] ?? parameter.type.replace(/^(u?int\d+)_t$/, '$1'));
  return { name, type, kind, size: width, ...(unit && { unit }), operand };
}

/** sonde's own names of C's types. */
const TYPES: Record<string, string> = { 'const char *': 'string', bool: 'boolean' };

/** What is counted in units is called after them. */
function unitOf(name: string): Unit | undefined {
  if (/(?:^|_)ns$|[a-z]Ns$/.test(name)) return 'nanoseconds';
  if (/(?:^|_)bytes$|[a-z]Bytes$|(?:^|_)length$/.test(name)) return 'bytes';
  return undefined;
}
