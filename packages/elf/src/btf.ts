import type { Machine } from './architecture.js';
import type { ByteWriter } from './bytes.js';
import { cTypes, type NativeType, type ProbeDefinition } from './definition.js';

/*
 * BTF that tells the stubs' prototypes to tools of the BPF world, which read no DWARF. Numbers and
 * layouts are those of "BPF Type Format (BTF)" in the Linux kernel's documentation
 * (Documentation/bpf/btf.rst).
 */

const BTF_MAGIC = 0xeb9f;
const BTF_VERSION = 1;
const HEADER_SIZE = 24;

const BTF_KIND_INT = 1;
const BTF_KIND_PTR = 2;
const BTF_KIND_CONST = 10;
const BTF_KIND_FUNC = 12;
const BTF_KIND_FUNC_PROTO = 13;

// One of them at most: the kernel refuses more. Compilers do without BTF_INT_CHAR, and so do we.
const BTF_INT_SIGNED = 1;
const BTF_INT_BOOL = 4;

/**
 * Where a function is seen from: everywhere. Stands where other types have the number of their
 * members.
 */
const BTF_FUNC_GLOBAL = 1;

/** Type 0. */
const VOID = 0;

/**
 * Writes the content of a section `.BTF`: for each probe a function, and the types that its
 * arguments have.
 */
export function writeBtf(out: ByteWriter, machine: Machine, probes: readonly ProbeDefinition[]): void {
  const words: number[] = [];
  let strings = '\0';
  let count = 0;
  /** Offsets of names in the strings: arguments of different probes often have the same. */
  const names = new Map<string, number>();
  const types: Partial<Record<NativeType, number>> = {};

  for (let i = 0; i < probes.length; i++) {
    const { symbol, arguments: parameters } = probes[i]!;
    const members: number[] = [];
    for (let j = 0; j < parameters.length; j++) {
      const { name, type } = parameters[j]!;
      types[type] ??= addType(type);
      members.push(nameOf(name), types[type]);
    }
    const prototype = add(0, BTF_KIND_FUNC_PROTO, parameters.length, VOID, members);
    add(nameOf(symbol), BTF_KIND_FUNC, BTF_FUNC_GLOBAL, prototype);
  }

  const size = 4 * words.length;
  out.words([(BTF_VERSION << 16) | BTF_MAGIC, HEADER_SIZE, 0, size, size, strings.length]);
  out.words(words);
  out.text(strings);

  /** A structure of type `btf_type`, with what follows it; returns the type's number. */
  function add(name: number, kind: number, vlen: number, sizeOrType: number, rest: readonly number[] = []): number {
    words.push(name, (kind << 24) | vlen, sizeOrType, ...rest);
    return ++count;
  }

  function nameOf(name: string): number {
    let offset = names.get(name);
    if (offset === undefined) {
      offset = strings.length;
      names.set(name, offset);
      strings += `${name}\0`;
    }
    return offset;
  }

  function addType(type: NativeType): number {
    const { size, signed } = cTypes[type];
    switch (type) {
      case 'string':
        return addPointer(addInteger('char', 1, machine.charSigned ? BTF_INT_SIGNED : 0));
      case 'pointer':
        return addPointer(VOID);
      case 'boolean':
        return addInteger('bool', size, BTF_INT_BOOL);
      default:
        return addInteger(`${type}_t`, size, signed ? BTF_INT_SIGNED : 0);
    }
  }

  function addInteger(name: string, size: number, encoding: number): number {
    return add(nameOf(name), BTF_KIND_INT, 0, size, [(encoding << 24) | (8 * size)]);
  }

  function addPointer(target: number): number {
    return add(0, BTF_KIND_PTR, 0, add(0, BTF_KIND_CONST, 0, target));
  }
}
