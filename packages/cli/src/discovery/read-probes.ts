// The probes of a file: what its notes, its DWARF and sonde's own note say of them.
import { type ElfFile, parseOperands, readElf, readNotes, type SdtNote } from '@sonde/elf';
import type { Argument, Probe } from '../model.js';

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
  return {
    architecture: MACHINES[elf.machine],
    probes: readNotes(elf).flatMap((note) => fromNote(elf, note)),
  };
}

function fromNote(elf: ElfFile, note: SdtNote): Probe[] {
  // Nothing can be set there.
  if (note.fileOffset === undefined) return [];
  return [
    {
      provider: note.provider,
      name: note.name,
      symbol: undefined,
      offset: note.fileOffset,
      semaphore: note.semaphore === 0n ? undefined : elf.fileOffset(note.semaphore),
      arguments: parseOperands(note.arguments).map(({ size, float, operand }, index): Argument => {
        const width = Math.abs(size) || 8;
        return {
          name: `arg${index}`,
          type: float ? (width === 4 ? 'float' : 'double') : `${size < 0 ? '' : 'u'}int${8 * width}`,
          kind: float ? 'float' : size < 0 ? 'signed' : 'unsigned',
          size: width,
          operand,
        };
      }),
    },
  ];
}
