// Arguments as the kernel's uprobe events take them (Documentation/trace/uprobetracer.rst).
import type { Argument, Probe, TracedObject } from '../../model.js';

/** The kernel reads so many bytes of memory: MAX_ARRAY_LEN of kernel/trace/trace_probe.h. */
export const MOST_BYTES = 64;

/**
 * What the kernel reads when the probe fires, as `a0=%di:s32 a1=+0(%si):ustring`. What it cannot
 * read is left out: floating-point registers, addresses by symbol or index.
 *
 * @param wanted only arguments of these names
 */
export function fetchArguments(
  probe: Probe,
  architecture: TracedObject['architecture'],
  wanted?: readonly string[],
): string[] {
  return probe.arguments.flatMap((argument, index) => {
    // How many bytes there are, stands behind them.
    const isLength = probe.arguments[index - 1]?.kind === 'bytes';
    if (wanted && !wanted.includes(argument.name) && !isLength) return [];
    const fetched = fetchOf(argument, architecture);
    return fetched === undefined ? [] : [`a${index}=${fetched}`];
  });
}

function fetchOf({ kind, operand }: Argument, architecture: TracedObject['architecture']): string | undefined {
  if (operand.float || kind === 'float') return undefined;
  const place = architecture === 'arm64' ? onArm64(operand.operand) : onX64(operand.operand);
  if (place === undefined) return undefined;
  if (kind === 'text') return `+0(${place}):ustring`;
  if (kind === 'bytes') return `+0(${place}):x8[${MOST_BYTES}]`;
  const bits = 8 * (Math.abs(operand.size) || 8);
  return `${place}:${kind === 'signed' ? 's' : 'u'}${bits}`;
}

/** The kernel's names of registers have no size: pt_regs of arch/x86/kernel/ptrace.c. */
function onX64(operand: string): string | undefined {
  const constant = /^\$(-?\w+)$/.exec(operand);
  if (constant) return `\\${constant[1]}`;
  const [, displacement, base] = /^(-?\w*)\(%(\w+)\)$/.exec(operand) ?? [];
  if (base !== undefined) {
    const register = registerOnX64(base);
    return register && memory(displacement!, register);
  }
  const [, register] = /^%(\w+)$/.exec(operand) ?? [];
  return register === undefined ? undefined : registerOnX64(register);
}

function registerOnX64(name: string): string | undefined {
  const [, number] = /^r(8|9|1[0-5])[dwb]?$/.exec(name) ?? [];
  if (number !== undefined) return `%r${number}`;
  const [, letters] = /^[re]?([abcd]x|[sd]i|[sb]p|ip)$/.exec(name) ?? [];
  if (letters !== undefined) return `%${letters}`;
  const [, low] = /^([abcd]|[sd]i|[sb]p)l$/.exec(name) ?? [];
  if (low !== undefined) return `%${low.length === 1 ? `${low}x` : low}`;
  return undefined;
}

function onArm64(operand: string): string | undefined {
  const constant = /^#?(-?(?:0x)?[0-9a-f]+)$/i.exec(operand);
  if (constant && !/^x\d/.test(operand)) return `\\${constant[1]}`;
  const [, base, displacement = '0'] = /^\[(\w+)(?:, *#?(-?\w+))?\]$/.exec(operand) ?? [];
  if (base !== undefined) {
    const register = registerOnArm64(base);
    return register && memory(displacement, register);
  }
  return registerOnArm64(operand);
}

function registerOnArm64(name: string): string | undefined {
  const [, number] = /^[xw](\d|[12]\d|30)$/.exec(name) ?? [];
  if (number !== undefined) return `%x${number}`;
  return name === 'sp' ? '%sp' : undefined;
}

function memory(displacement: string, register: string): string | undefined {
  const distance = displacement === '' ? 0 : Number(displacement);
  // A symbol's name.
  if (!Number.isInteger(distance)) return undefined;
  return `${distance < 0 ? '-' : '+'}${Math.abs(distance)}(${register})`;
}
