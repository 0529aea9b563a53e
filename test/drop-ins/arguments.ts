// What the program fires, and what tracers are to see of it.

/** How many arguments its probes have. */
export const COUNTS = [0, 1, 6, 7, 12, 32] as const;

const TYPES = ['int', 'char *', 'json'] as const;

export const typesOf = (count: number) => Array.from({ length: count }, (_, index) => TYPES[index % 3]!);

/** The greatest and least integers that 64 bits hold are what numbers beyond them become. */
export const valuesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    switch (TYPES[index % 3]) {
      case 'int':
        return index % 2 === 0 ? -index - 0.5 : 1e300;
      case 'char *':
        return `text ${index}`;
      default:
        return { index, list: ['ü'] };
    }
  });

export const seenOf = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    switch (TYPES[index % 3]) {
      case 'int':
        return index % 2 === 0 ? `${-index}` : `${2n ** 63n - 1n}`;
      case 'char *':
        return `text ${index}`;
      default:
        return `{"index":${index},"list":["ü"]}`;
    }
  });

/**
 * On x86-64, in registers; those behind them lie above the return address, where bpftrace 0.17 must
 * be told to look.
 */
const REGISTERS = 6;

/** An action of bpftrace that shows one fire: `<name|value|value>`. */
export function show(name: string, count: number): string {
  const actions = Array.from({ length: count }, (_, index) => {
    const value = index < REGISTERS ? `arg${index}` : `*(int64 *)(reg("sp") + ${8 * (index - REGISTERS + 1)})`;
    return TYPES[index % 3] === 'int' ? `printf("|%lld", ${value});` : `printf("|%s", str(${value}));`;
  });
  return `{ printf("<${name}"); ${actions.join(' ')} printf(">\\n"); }`;
}
