import {
  DEPENDENCY_CLASSES,
  DIF_DIR_NREGS,
  DIF_DTR_NREGS,
  DIF_VERSION_2,
  DOF_ENCODE_LSB,
  DOF_ENCODE_MSB,
  DOF_MAG,
  DOF_MODEL_LP64,
  DOF_SECF_LOAD,
  DOF_SECT_NONE,
  DOF_SECT_PRARGS,
  DOF_SECT_PRENOFFS,
  DOF_SECT_PROBES,
  DOF_SECT_PROFFS,
  DOF_SECT_PROVIDER,
  DOF_SECT_STRTAB,
  HEADER_SIZE,
  LARGEST,
  LARGEST_ON_MACOS,
  OFFSET_SIZE,
  PROBE_SIZE,
  PROVIDER_SIZE,
  PROVIDER_SIZE_OF_VERSION_1,
  SECTION_HEADER_SIZE,
  STABILITIES,
} from './constants.js';
import { ATTRIBUTE_PARTS, checkDefinition, type DofDefinition, defaultAttributes } from './definition.js';
import { DofError } from './error.js';

/** DOF as it goes to the system. */
export interface Dof {
  /**
   * illumos and FreeBSD copy it at once. So does Linux, which tells it apart by the file that is
   * mapped where it lies: it must be in one of its own while it is handed over. On macOS it must
   * stay where it is, readable, while the probes exist: macOS reads it when a tracer comes.
   */
  bytes: Uint8Array<ArrayBuffer>;
  /**
   * Where in `bytes` the address of each probe is, 64 bits, in the order of the definition: for who
   * learns it later. The same definition with other addresses gives the same bytes but there.
   */
  addresses: number[];
  /**
   * Where in `bytes` the first offset of each probe is, 32 bits: for macOS, where offsets count
   * from DOF itself.
   */
  offsets: number[];
}

// Sections in the order of the file. Loaders demand none, but PRENOFFS cannot be the first: a
// reference to section 0 means that there is none.
const STRTAB_INDEX = 0;
const PROBES_INDEX = 1;
const PRARGS_INDEX = 2;
const PROFFS_INDEX = 3;
const PRENOFFS_INDEX = 4;

/**
 * Writes DOF of a *helper provider*: what USDT probes are to a system with DTrace. A process hands
 * it to its system by an ioctl, with a module name and a base (`dof_helper_t`); from then on
 * tracers list its probes as `PROVIDERpid:MODULE:FUNCTION:NAME`, with the types of their arguments.
 *
 * Nothing is aligned to more than 8 bytes; all is loaded, so `dofh_loadsz` and `dofh_filesz` are
 * the length.
 *
 * @throws {DofError} if any field of the definition is out of its range, which the message names
 * with its value; or if DOF would be as large as its loaders refuse: 512 KiB in version 3, macOS's
 * (there is room for some four thousand probes), else 8 MiB.
 */
export function writeDof(definition: DofDefinition): Dof {
  const layout = layOut(definition);
  const { version = 2, byteOrder = 'little', attributes, probes } = definition;
  const memory = new ArrayBuffer(layout.size);
  const bytes = new Uint8Array(memory);
  const view = new DataView(memory);
  const little = byteOrder === 'little';
  let at = 0;
  const u32 = (value: number) => {
    view.setUint32(at, value, little);
    at += 4;
  };
  /** The upper half is 0: nothing in DOF is that large, but for addresses. */
  const size = (value: number) => {
    view.setUint32(little ? at : at + 4, value, little);
    at += 8;
  };
  const section = (type: number, alignment: number, entrySize: number, offset: number, length: number) => {
    u32(type);
    u32(alignment);
    u32(DOF_SECF_LOAD);
    u32(entrySize);
    size(offset);
    size(length);
  };

  // Header.
  view.setUint32(0, DOF_MAG, false);
  bytes.set([DOF_MODEL_LP64, little ? DOF_ENCODE_LSB : DOF_ENCODE_MSB, version, DIF_VERSION_2], 4);
  bytes.set([DIF_DIR_NREGS, DIF_DTR_NREGS], 8);
  at = 16;
  u32(0); // flags
  u32(HEADER_SIZE);
  u32(SECTION_HEADER_SIZE);
  u32(layout.sectionCount);
  size(HEADER_SIZE); // where section headers begin
  size(layout.size); // what is loaded
  size(layout.size);
  size(0);

  section(DOF_SECT_STRTAB, 1, 0, layout.strtab, layout.strings.length);
  section(DOF_SECT_PROBES, 8, PROBE_SIZE, layout.probes, probes.length * PROBE_SIZE);
  section(DOF_SECT_PRARGS, 1, 1, layout.prargs, layout.mapCount);
  section(DOF_SECT_PROFFS, 4, OFFSET_SIZE, layout.proffs, layout.offsetCount * OFFSET_SIZE);
  const { isEnabledCount } = layout;
  if (isEnabledCount > 0) section(DOF_SECT_PRENOFFS, 4, OFFSET_SIZE, layout.prenoffs, isEnabledCount * OFFSET_SIZE);
  section(DOF_SECT_PROVIDER, 4, 0, layout.provider, layout.size - layout.provider);

  const { strings } = layout;
  for (let i = 0; i < strings.length; i++) bytes[layout.strtab + i] = strings.charCodeAt(i);

  // Probes, and what their indexes point at, all in the order of the definition. Where the strings
  // are: see layOut.
  let string = 1 + definition.provider.length + 1;
  let map = 0;
  let offset = 0;
  let isEnabled = 0;
  const addresses: number[] = [];
  const offsets: number[] = [];
  at = layout.probes;
  for (const probe of probes) {
    const { nativeArguments, translatedArguments, argumentMap } = probe;
    const mapLength = argumentMap?.length ?? nativeArguments.length;
    const isEnabledOffsets = probe.isEnabledOffsets ?? [];
    addresses.push(at);
    offsets.push(layout.proffs + OFFSET_SIZE * offset);
    view.setBigUint64(at, BigInt(probe.address), little);
    at += 8;
    u32(string);
    string += probe.function.length + 1;
    u32(string);
    string += probe.name.length + 1;
    const native = string;
    u32(native);
    for (const type of nativeArguments) string += type.length + 1;
    if (translatedArguments === undefined && argumentMap === undefined) {
      u32(native);
    } else {
      u32(string);
      for (const type of translatedTypes(probe)) string += type.length + 1;
    }
    u32(map);
    u32(offset);
    view.setUint8(at, nativeArguments.length);
    view.setUint8(at + 1, mapLength);
    view.setUint16(at + 2, probe.offsets.length, little);
    at += 4;
    u32(isEnabled);
    view.setUint16(at, isEnabledOffsets.length, little);
    at += 8; // and padding

    for (let i = 0; i < mapLength; i++) bytes[layout.prargs + map++] = argumentMap?.[i] ?? i;
    for (const value of probe.offsets) view.setUint32(layout.proffs + OFFSET_SIZE * offset++, value, little);
    for (const value of isEnabledOffsets) view.setUint32(layout.prenoffs + OFFSET_SIZE * isEnabled++, value, little);
  }

  at = layout.provider;
  u32(STRTAB_INDEX);
  u32(PROBES_INDEX);
  u32(PRARGS_INDEX);
  u32(PROFFS_INDEX);
  u32(1); // the provider's name, after the empty string
  for (const part of ATTRIBUTE_PARTS) {
    const { name, data, class: dependency } = attributes?.[part] ?? defaultAttributes[part];
    // DOF_ATTR of the headers.
    u32(
      (STABILITIES.indexOf(name) << 24) |
        (STABILITIES.indexOf(data) << 16) |
        (DEPENDENCY_CLASSES.indexOf(dependency) << 8),
    );
  }
  if (version !== 1) u32(isEnabledCount > 0 ? PRENOFFS_INDEX : DOF_SECT_NONE);
  return { bytes, addresses, offsets };
}

interface Layout {
  /**
   * The string table: an empty string, the provider's name; then, for each probe, function, name
   * and types.
   */
  strings: string;
  sectionCount: number;
  mapCount: number;
  offsetCount: number;
  isEnabledCount: number;
  // Where sections begin.
  strtab: number;
  probes: number;
  prargs: number;
  proffs: number;
  prenoffs: number;
  provider: number;
  /** Of it all. */
  size: number;
}

function layOut(definition: DofDefinition): Layout {
  checkDefinition(definition);
  let strings = `\0${definition.provider}\0`;
  let mapCount = 0;
  let offsetCount = 0;
  let isEnabledCount = 0;
  for (const probe of definition.probes) {
    strings += `${probe.function}\0${probe.name}\0`;
    for (const type of probe.nativeArguments) strings += `${type}\0`;
    // The native types serve as the translated ones where they are the same.
    if (probe.translatedArguments !== undefined || probe.argumentMap !== undefined) {
      for (const type of translatedTypes(probe)) strings += `${type}\0`;
    }
    mapCount += probe.argumentMap?.length ?? probe.nativeArguments.length;
    offsetCount += probe.offsets.length;
    isEnabledCount += probe.isEnabledOffsets?.length ?? 0;
  }
  const sectionCount = isEnabledCount > 0 ? 6 : 5;
  const strtab = HEADER_SIZE + sectionCount * SECTION_HEADER_SIZE;
  const probes = align(strtab + strings.length, 8);
  const prargs = probes + definition.probes.length * PROBE_SIZE;
  const proffs = align(prargs + mapCount, 4);
  const prenoffs = proffs + offsetCount * OFFSET_SIZE;
  const provider = prenoffs + isEnabledCount * OFFSET_SIZE;
  const size = provider + (definition.version === 1 ? PROVIDER_SIZE_OF_VERSION_1 : PROVIDER_SIZE);
  const limit = definition.version === 3 ? LARGEST_ON_MACOS : LARGEST;
  if (size >= limit) {
    throw new DofError(
      `probes: DOF of ${definition.probes.length} would have ${size} bytes; it must have fewer than ${limit}`,
    );
  }
  return {
    strings,
    sectionCount,
    mapCount,
    offsetCount,
    isEnabledCount,
    strtab,
    probes,
    prargs,
    proffs,
    prenoffs,
    provider,
    size,
  };
}

function translatedTypes({
  nativeArguments,
  translatedArguments,
  argumentMap,
}: DofDefinition['probes'][number]): readonly string[] {
  return translatedArguments ?? argumentMap?.map((index) => nativeArguments[index]!) ?? nativeArguments;
}

/** The next multiple of `alignment`, a power of two. */
function align(position: number, alignment: number): number {
  return (position + alignment - 1) & -alignment;
}
