import * as fc from 'fast-check';
import { DEPENDENCY_CLASSES, STABILITIES } from './constants.js';
import type { Attributes, ByteOrder, DofDefinition, DofVersion, ProbeDefinition } from './definition.js';

/**
 * A probe with everything: arguments the other way round, and a place that asks whether it is
 * traced.
 */
export const probe: ProbeDefinition = {
  name: 'session-start',
  function: 'onSession',
  address: 0x401000,
  offsets: [4],
  isEnabledOffsets: [16],
  nativeArguments: ['char *', 'int'],
  translatedArguments: ['int', 'char *'],
  argumentMap: [1, 0],
};

export function example(changes: Partial<DofDefinition> = {}): DofDefinition {
  return { provider: 'smtp', probes: [probe], ...changes };
}

const text = (pattern: RegExp, maxLength: number) =>
  fc.stringMatching(pattern, { maxLength }).filter((found) => found.length <= maxLength);

const plainName = (maxLength: number) =>
  text(/^[!-.0-9;-~]+$/, maxLength).filter((name) => name !== '.' && name !== '..');
const types = fc.array(text(/^[ -~]+$/, 127), { maxLength: 20 });

const attributes: fc.Arbitrary<Attributes> = fc.record({
  name: fc.constantFrom(...STABILITIES),
  data: fc.constantFrom(...STABILITIES),
  class: fc.constantFrom(...DEPENDENCY_CLASSES),
});

function offsets(version: DofVersion, minLength: number): fc.Arbitrary<number[]> {
  const ranges = version === 3 ? [-0x80000000, -0x40000000, 0] : [0, 0x7fffffff];
  return fc
    .constantFrom(...ranges)
    .chain((min) => fc.uniqueArray(fc.integer({ min, max: min + 0x7fffffff }), { minLength, maxLength: 5 }));
}

function probes(version: DofVersion): fc.Arbitrary<ProbeDefinition> {
  return types.chain((nativeArguments) => {
    const mapped = nativeArguments.length === 0 ? 0 : 20;
    const argumentMap = fc.array(fc.nat({ max: Math.max(0, nativeArguments.length - 1) }), { maxLength: mapped });
    const translated = argumentMap.chain((map) =>
      fc.record(
        {
          argumentMap: fc.constant(map),
          translatedArguments: fc.array(text(/^[ -~]+$/, 127), { minLength: map.length, maxLength: map.length }),
        },
        { requiredKeys: ['argumentMap'] },
      ),
    );
    return fc
      .tuple(
        fc.record({
          name: plainName(63),
          function: plainName(127),
          address: fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
          offsets: offsets(version, 1),
          nativeArguments: fc.constant(nativeArguments),
        }),
        version === 1 ? fc.constant({}) : fc.record({ isEnabledOffsets: offsets(version, 0) }, { requiredKeys: [] }),
        fc.oneof(fc.constant({}), translated),
      )
      .map((parts) => Object.assign({}, ...parts));
  });
}

/** Any definition that is allowed, but for its size; of plain objects. */
export const definitions: fc.Arbitrary<DofDefinition> = fc
  .constantFrom<DofVersion>(1, 2, 3)
  .chain((version) =>
    fc.record(
      {
        version: fc.constant(version),
        byteOrder: fc.constantFrom<ByteOrder>('little', 'big'),
        provider: text(/^[A-Za-z_-][A-Za-z0-9_.-]*$/, 53).filter((name) => !['pid', 'objc', 'oneshot'].includes(name)),
        attributes: fc.record(
          { provider: attributes, module: attributes, function: attributes, name: attributes, args: attributes },
          { requiredKeys: [] },
        ),
        probes: fc.uniqueArray(probes(version), {
          minLength: 1,
          maxLength: 8,
          selector: (found) => `${found.function}:${found.name}`,
        }),
      },
      { requiredKeys: ['version', 'provider', 'probes'] },
    ),
  )
  .map((definition) => structuredClone(definition) as DofDefinition);
