import * as fc from 'fast-check';
import type { NativeArgument, NativeType, ProbeObjectDefinition } from './definition.js';

/** Every type, in the order in which the mixed probe below has them. */
export const types: readonly NativeType[] = [
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'boolean',
  'string',
  'pointer',
];

/**
 * One probe as the documentation has it, one without arguments, and one with as many as there can
 * be, of every type, in registers and on the stack.
 */
export function example(changes: Partial<ProbeObjectDefinition> = {}): ProbeObjectDefinition {
  return {
    provider: 'smtp',
    architecture: 'x64',
    nop: 5,
    notes: true,
    probes: [
      {
        name: 'session__start',
        symbol: 'smtp_session__start',
        arguments: [
          { name: 'peer', type: 'string' },
          { name: 'port', type: 'int32' },
        ],
      },
      { name: 'idle', symbol: 'smtp_idle', arguments: [] },
      { name: 'mixed', symbol: 'smtp_mixed', arguments: [...types, 'int32' as const].map(parameter) },
    ],
    ...changes,
  };
}

function parameter(type: NativeType, index: number): NativeArgument {
  return { name: `a${index}_${type}`, type };
}

const identifier = (maxLength: number) =>
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]*$/, { maxLength }).filter((name) => name.length <= maxLength);

/** Any definition that is allowed. */
export const definitions: fc.Arbitrary<ProbeObjectDefinition> = fc.record({
  provider: identifier(255),
  architecture: fc.constantFrom('x64' as const, 'arm64' as const),
  nop: fc.constantFrom(1 as const, 5 as const, 10 as const),
  notes: fc.boolean(),
  probes: fc
    .uniqueArray(
      fc.record({
        name: identifier(255),
        symbol: identifier(255),
        arguments: fc.uniqueArray(fc.record({ name: identifier(255), type: fc.constantFrom(...types) }), {
          maxLength: 12,
          selector: (argument) => argument.name,
        }),
      }),
      { maxLength: 20, selector: (probe) => probe.name },
    )
    .map((probes) => [...new Map(probes.map((probe) => [probe.symbol, probe])).values()]),
});
