export type {
  Architecture,
  NativeArgument,
  NativeType,
  ProbeDefinition,
  ProbeObjectDefinition,
} from './definition.js';
export { ElfError } from './error.js';
export { parseOperands, type SdtOperand } from './operands.js';
export {
  type Carried,
  type ProgramNote,
  type ProgramProbe,
  type ProgramProbes,
  readProgramNote,
} from './program-note.js';
export { ElfFile, type ElfInput, type ElfSection, type ElfSegment, type ElfSymbol, readElf } from './read.js';
export { readBuildId, readNotes, type SdtNote } from './read-notes.js';
export { type Parameter, type Prototype, readPrototypes, type ValueKind } from './read-prototypes.js';
export { definitionKey, isIntact, type ProbeObject, type Stubs, stubsOf, writeProbeObject } from './write.js';
