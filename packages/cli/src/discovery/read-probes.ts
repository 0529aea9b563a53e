// The probes of a file: what its notes, its DWARF and sonde's own note say of them.
import { closeSync, constants, openSync } from 'node:fs';
import {
  type ElfFile,
  type Parameter,
  type ProgramNote,
  type Prototype,
  parseOperands,
  readElf,
  readNotes,
  readProgramNote,
  readPrototypes,
  type SdtNote,
  type SdtOperand,
} from '@sonde/elf';
import type { Argument, Probe, Unit } from '../model.js';

/** What a file holds. */
export interface ReadProbes {
  architecture: 'x64' | 'arm64' | undefined;
  hasNotes: boolean;
  probes: Probe[];
}

const MACHINES: Record<number, 'x64' | 'arm64'> = { 62: 'x64', 183: 'arm64' };

/**
 * The probes of an ELF file, those that are in several places once for each: by their SDT notes, or
 * by the note that sonde's own objects have, which need no others.
 *
 * @throws {ElfError} if it is none; the system's error if it cannot be read
 */
export function readProbes(path: string): ReadProbes {
  // It may be any program, of which little is read, or a pipe that nobody writes into.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return probesOf(readElf(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function probesOf(elf: ElfFile): ReadProbes {
  const notes = readNotes(elf);
  const program = readProgramNote(elf);
  // sonde's own probes are functions, whose parameters they have.
  const isOwn = program !== undefined && notes.length === 0;
  const prototypes = readPrototypes(elf, isOwn ? undefined : new Set(notes.map(({ address }) => address)));
  const architecture = MACHINES[elf.machine];
  const probes = isOwn
    ? [...prototypes.values()].flatMap((prototype) => fromFunction(elf, prototype, program.provider, architecture))
    : notes.flatMap((note) => fromNote(elf, note, prototypes.get(note.address)));
  return { architecture, hasNotes: notes.length > 0, probes: probes.map((probe) => withProgram(probe, program)) };
}

function fromNote(elf: ElfFile, note: SdtNote, prototype: Prototype | undefined): Probe[] {
  // Nothing can be set there.
  if (note.fileOffset === undefined) return [];
  const operands = parseOperands(note.arguments);
  const parameters = prototype?.parameters.length === operands.length ? prototype.parameters : undefined;
  return [
    {
      provider: note.provider,
      name: note.name,
      symbol: parameters && prototype?.name,
      offset: note.fileOffset,
      semaphore: note.semaphore === 0n ? undefined : elf.fileOffset(note.semaphore),
      arguments: operands.map((operand, index) => argumentOf(operand, index, parameters)),
    },
  ];
}

/** A stub of an object without SDT notes: `smtp_session__start`, whose arguments are where C has them. */
function fromFunction(
  elf: ElfFile,
  { name, address, parameters }: Prototype,
  provider: string,
  architecture: ReadProbes['architecture'],
): Probe[] {
  const offset = elf.fileOffset(address);
  const registers = architecture && REGISTERS[architecture];
  if (offset === undefined || !registers || !name.startsWith(`${provider}_`)) return [];
  const made = parameters.map((parameter, index) => {
    const width = parameter.size === 8 ? 8 : 4;
    const onStack = 8 * (index - registers.length);
    // The return address is the first word on x64.
    const operand = registers[index] ?? (architecture === 'x64' ? `${onStack + 8}(%rsp)` : `[sp, ${onStack}]`);
    const size = parameter.kind === 'signed' ? -width : width;
    return argumentOf({ size, float: false, operand }, index, parameters);
  });
  return [
    { provider, name: name.slice(provider.length + 1), symbol: name, offset, semaphore: undefined, arguments: made },
  ];
}

/** The first arguments of a function, by the processors' calling conventions. */
const REGISTERS = {
  x64: ['%rdi', '%rsi', '%rdx', '%rcx', '%r8', '%r9'],
  arm64: ['x0', 'x1', 'x2', 'x3', 'x4', 'x5', 'x6', 'x7'],
};

/** What only the program knows of it. */
function withProgram(probe: Probe, program: ProgramNote | undefined): Probe {
  // sonde's own are functions of such names; there is a note if something is to be said of them.
  if (probe.symbol !== `${probe.provider}_${probe.name}`) return probe;
  const known = program && Object.hasOwn(program.probes, probe.name) ? program.probes[probe.name]! : {};
  const { part, carries = {} } = known;
  const name = part ? probe.name.slice(0, -`__${part}`.length) : probe.name;
  const key = known.key ?? name.replace(/__([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return {
    ...probe,
    key: part ? `${key}.${part}` : key,
    ...(part && { part }),
    arguments: probe.arguments.map((argument) => {
      const carried = Object.hasOwn(carries, argument.name) ? carries[argument.name] : undefined;
      return carried === undefined ? argument : { ...argument, type: carried };
    }),
  };
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
