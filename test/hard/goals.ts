// Figures beside their goals. All of a test are printed; then it fails if one was not met.
import assert from 'node:assert/strict';

export type Goal = {
  /** What was measured. */
  name: string;
  measured: number;
  unit?: string;
  /** After the point. */
  digits?: number;
} & ({ most: number } | { least: number } | { exactly: number });

export class Goals {
  private readonly missed: string[] = [];

  /** Prints figures of one thing in a line. */
  add(what: string, ...goals: Goal[]): void {
    console.log(`      ${areMet(goals) ? '' : 'NOT MET: '}${what}: ${goals.map(show).join(', ')}`);
    for (const goal of goals) if (!judge(goal).isMet) this.missed.push(`${what}: ${show(goal)}`);
  }

  /** Fails with all goals that were not met, and with what a reader needs besides. */
  check(details = ''): void {
    assert.ok(this.missed.length === 0, ['not met:', ...this.missed, details].join('\n'));
  }
}

/** Prints figures, and fails if a goal was not met. */
export function meet(what: string, goals: readonly Goal[], details?: string): void {
  const all = new Goals();
  all.add(what, ...goals);
  all.check(details);
}

export const areMet = (goals: readonly Goal[]) => goals.every((goal) => judge(goal).isMet);

function show(goal: Goal): string {
  const { name, measured, unit = '', digits = 0 } = goal;
  const [sign, limit] = judge(goal).limit;
  const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: digits });
  return `${name} ${number(measured)}${unit} (goal ${sign} ${number(limit)})`;
}

/** NaN meets no goal. */
function judge(goal: Goal): { limit: [string, number]; isMet: boolean } {
  if ('most' in goal) return { limit: ['≤', goal.most], isMet: goal.measured <= goal.most };
  if ('least' in goal) return { limit: ['≥', goal.least], isMet: goal.measured >= goal.least };
  return { limit: ['=', goal.exactly], isMet: goal.measured === goal.exactly };
}
