// What a tracer read of a probe's native arguments, as text in its output: `<<probe|value|value>>`.
// Tests have the tracer print that, each tracer in its own language, and compare it with what was
// fired.
import { type EveryProbe, everyArgument } from '../fixtures/every-argument.js';

export interface NativeArgument {
  probe: EveryProbe;
  name: string;
  index: number;
  /** `memory` is an address, its length the argument that follows. */
  kind: 'signed' | 'unsigned' | 'text' | 'memory';
  bits: 8 | 16 | 32 | 64;
}

/**
 * The arguments as a tracer must find them: written down here once more, not taken from the code
 * under test.
 */
export function nativeArguments(probe: EveryProbe): NativeArgument[] {
  const list = everyArgument[probe].flatMap(({ type, name }): Omit<NativeArgument, 'probe' | 'index'>[] => {
    if (type === 'boolean') return [{ name, kind: 'unsigned', bits: 8 }];
    if (type === 'string' || type === 'json' || type === 'stack') return [{ name, kind: 'text', bits: 64 }];
    if (type === 'bytes') {
      return [
        { name, kind: 'memory', bits: 64 },
        { name: `${name}_length`, kind: 'unsigned', bits: 64 },
      ];
    }
    const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(type)!;
    return [{ name, kind: unsigned ? 'unsigned' : 'signed', bits: Number(bits) as 8 | 16 | 32 | 64 }];
  });
  return list.map((argument, index) => ({ probe, index, ...argument }));
}

/** The values of each fire, in order. */
export function readBack(output: string): string[] {
  return [...output.matchAll(/<<([\s\S]*?)>>/g)].map(([, read]) => read!.replaceAll('|', ' | '));
}
