// What callgrind counted of one function: https://valgrind.org/docs/manual/cl-format.html

export interface Counted {
  /** Instructions of the function itself, without what it calls. */
  self: number;
  /** How often it calls each function. */
  calls: Record<string, number>;
}

/** All functions, by name. */
export function readCallgrind(text: string): Record<string, Counted> {
  const names = new Map<string, string>();
  /** `(12) name` the first time, `(12)` from then on. */
  const nameOf = (kind: string, value: string): string => {
    const [, number, name] = /^\((\d+)\)(?: (.*))?$/.exec(value)!;
    const key = `${kind} ${number}`;
    if (name !== undefined) names.set(key, name);
    return names.get(key)!;
  };
  const counted: Record<string, Counted> = {};
  let current: Counted | undefined;
  let callee: string | undefined;
  let isCall = false;
  for (const line of text.split('\n')) {
    const [, key, value] = /^(c?fn|calls)=(.*)$/.exec(line) ?? [];
    if (key === 'fn') {
      const name = nameOf('fn', value!);
      counted[name] ??= { self: 0, calls: {} };
      current = counted[name];
    } else if (key === 'cfn') {
      callee = nameOf('fn', value!);
    } else if (key === 'calls') {
      isCall = true;
      if (current) current.calls[callee!] = (current.calls[callee!] ?? 0) + Number(value!.split(' ')[0]);
    } else if (/^\d+ \d+$/.test(line)) {
      // A line after `calls=` is what the called function cost.
      if (current && !isCall) current.self += Number(line.split(' ')[1]);
      isCall = false;
    }
  }
  return counted;
}
