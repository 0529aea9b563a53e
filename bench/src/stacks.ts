// What it costs that JavaScript frames have names in native stacks: before they ever had,
// meanwhile, and afterwards.
import { Conversation } from './conversation.js';
import type { Figure, Part, Row } from './part.js';
import { environment, interleaved, programPath, UNDISTURBED, withFolder } from './program.js';
import { median, pairs, summary } from './statistics.js';

/** In a process, in this order. The first is what the others are compared with. */
const PHASES = {
  before: 'before',
  again: 'before, once more',
  on: 'while names are on',
  after: 'right after, the first piece of work',
  soon: 'the 2nd to the 5th',
  more: 'the 6th to the last',
  later: 'after some seconds of work more',
} as const;
type Phase = keyof typeof PHASES;

interface Size {
  processes: number;
  /** Before the first measurement. */
  warm: number;
  /** Pieces of work in each phase, and how long each is. */
  pieces: number;
  turns: number;
  /** From the end of names to the last phase. */
  waitMs: number;
}
const SIZE: Size = { processes: 12, warm: 30, pieces: 20, turns: 15, waitMs: 5000 };
const QUICK: Size = { processes: 1, warm: 6, pieces: 7, turns: 3, waitMs: 500 };

export const stacks: Part = {
  name: 'stacks',
  title: 'names of JavaScript frames in native stacks: before, meanwhile, afterwards',
  async run({ quick }) {
    if (process.platform !== 'linux') {
      return { leftOut: ['names in native stacks need Linux'], notes: [], tables: [], goals: [] };
    }
    const size = quick ? QUICK : SIZE;
    const rounds: Round[] = [];
    for (let i = 0; i < size.processes; i++) rounds.push(await withFolder((folder) => measure(folder, size)));
    const phases = Object.keys(PHASES) as Phase[];
    // Of a round: how much longer than the other process, over how much longer before.
    const overBefore = (phase: Phase) => rounds.map((round) => round[phase].ratio / round.before.ratio);
    return {
      notes: [
        `${size.processes} × two processes that do the same work in turn; in one of them, names are switched on and off. × before: its time over the other's in the`,
        'same turns, as a ratio to that before; so "once more" shows what is noise. Medians (quartiles) of processes; in each, of its pieces of work.',
        `Between right after and the last, ${size.waitMs / 1000} s of the same work.`,
      ],
      tables: [
        {
          head: ['', '× before', 'ms a piece', 'ms, in the other process'],
          rows: phases.map(
            (phase): Row => [
              PHASES[phase],
              figure(overBefore(phase), 3),
              figure(
                rounds.map((round) => round[phase].ms),
                2,
              ),
              figure(
                rounds.map((round) => round[phase].other),
                2,
              ),
            ],
          ),
        },
      ],
      goals: (['on', 'later'] as const).map((phase) => ({
        what: `work ${PHASES[phase]}, over the same before`,
        measured: median(overBefore(phase)),
        most: phase === 'on' ? 1.05 : 1.01,
        unit: ' ×',
        digits: 3,
      })),
    };
  },
};

/** Medians of a phase's pieces of work. */
type Round = Record<Phase, { ratio: number; ms: number; other: number }>;

async function measure(folder: string, { warm, pieces, turns, waitMs }: Size): Promise<Round> {
  const [command, ...parameters] = [...UNDISTURBED, process.execPath, programPath('stacks'), String(turns)];
  const start = () => new Conversation(command!, parameters, environment({ SONDE_DIR: folder }));
  const programs = { named: start(), other: start() };
  const names = ['named', 'other'] as const;
  try {
    for (const name of names) await programs[name].hear();
    const work = (count: number) =>
      interleaved(names, count, async (name) => Number(await programs[name].ask('work')) / 1e6);
    await work(warm);
    const before = await work(pieces);
    const again = await work(pieces);
    const answer = await programs.named.ask('on');
    if (answer !== 'on') throw new Error(answer);
    const on = await work(pieces);
    await programs.named.ask('off');
    const off = await work(pieces);
    // What became of code is made up for by running it, and not by waiting.
    for (const end = Date.now() + waitMs; Date.now() < end; ) await work(1);
    const later = await work(pieces);
    const told = ({ named, other }: typeof on, from = 0, to = pieces) => {
      const [mine, theirs] = [named.slice(from, to), other.slice(from, to)];
      return {
        ratio: median(pairs(mine, theirs, (one, another) => one / another)),
        ms: median(mine),
        other: median(theirs),
      };
    };
    return {
      before: told(before),
      again: told(again),
      on: told(on),
      after: told(off, 0, 1),
      soon: told(off, 1, 5),
      more: told(off, 5),
      later: told(later),
    };
  } finally {
    for (const name of names) programs[name].end();
  }
}

const figure = (values: number[], digits: number): Figure => ({ summary: summary(values), digits });
