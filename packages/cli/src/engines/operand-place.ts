// Where an argument is, taken apart: what the notation of SDT notes says of it on each processor.
import type { SdtOperand } from '@sonde/elf';
import type { TracedObject } from '../model.js';

/** A constant, a register, or memory at a distance from what a register holds. */
export type Place =
  | { type: 'constant'; value: string }
  | { type: 'register'; register: string }
  | { type: 'memory'; register: string; distance: number };

/**
 * Registers are called as the kernel's pt_regs has them, without a size: `di`, `r9`, `x0`, `sp`.
 *
 * @returns undefined for what engines cannot read: floating-point registers, addresses by symbol or
 * by index
 */
export function placeOf(operand: SdtOperand, architecture: TracedObject['architecture']): Place | undefined {
  if (operand.float) return undefined;
  return architecture === 'arm64' ? onArm64(operand.operand) : onX64(operand.operand);
}

function onX64(operand: string): Place | undefined {
  const [, value] = /^\$(-?\w+)$/.exec(operand) ?? [];
  if (value !== undefined) return { type: 'constant', value };
  const [, displacement, base] = /^(-?\w*)\(%(\w+)\)$/.exec(operand) ?? [];
  if (base !== undefined) return memory(registerOnX64(base), displacement!);
  const [, name] = /^%(\w+)$/.exec(operand) ?? [];
  return inRegister(name === undefined ? undefined : registerOnX64(name));
}

function registerOnX64(name: string): string | undefined {
  const [, number] = /^r(8|9|1[0-5])[dwb]?$/.exec(name) ?? [];
  if (number !== undefined) return `r${number}`;
  const [, letters] = /^[re]?([abcd]x|[sd]i|[sb]p|ip)$/.exec(name) ?? [];
  if (letters !== undefined) return letters;
  const [, low] = /^([abcd]|[sd]i|[sb]p)l$/.exec(name) ?? [];
  return low?.length === 1 ? `${low}x` : low;
}

function onArm64(operand: string): Place | undefined {
  const [, value] = /^#?(-?(?:0x[0-9a-f]+|\d+))$/i.exec(operand) ?? [];
  if (value !== undefined) return { type: 'constant', value };
  const [, base, displacement = ''] = /^\[(\w+)(?:, *#?(-?\w+))?\]$/.exec(operand) ?? [];
  if (base !== undefined) return memory(registerOnArm64(base), displacement);
  return inRegister(registerOnArm64(operand));
}

function registerOnArm64(name: string): string | undefined {
  const [, number] = /^[xw](\d|[12]\d|30)$/.exec(name) ?? [];
  if (number !== undefined) return `x${number}`;
  return name === 'sp' ? 'sp' : undefined;
}

function inRegister(register: string | undefined): Place | undefined {
  return register === undefined ? undefined : { type: 'register', register };
}

function memory(register: string | undefined, displacement: string): Place | undefined {
  const distance = displacement === '' ? 0 : Number(displacement);
  // Otherwise it is a symbol's name.
  return register === undefined || !Number.isInteger(distance) ? undefined : { type: 'memory', register, distance };
}
