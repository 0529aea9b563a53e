// Arguments as the kernel's uprobe events take them (Documentation/trace/uprobetracer.rst).

import type { Argument, Probe, TracedObject } from '../../model.js';
import { type Place, placeOf } from '../operand-place.js';

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
  const place = placeOf(operand, architecture);
  if (!place || kind === 'float') return undefined;
  const fetched = textOf(place);
  if (kind === 'text') return `+0(${fetched}):ustring`;
  if (kind === 'bytes') return `+0(${fetched}):x8[${MOST_BYTES}]`;
  const bits = 8 * (Math.abs(operand.size) || 8);
  return `${fetched}:${kind === 'signed' ? 's' : 'u'}${bits}`;
}

function textOf(place: Place): string {
  switch (place.type) {
    case 'constant':
      return `\\${place.value}`;
    case 'register':
      return `%${place.register}`;
    case 'memory':
      return `${place.distance < 0 ? '-' : '+'}${Math.abs(place.distance)}(%${place.register})`;
  }
}
