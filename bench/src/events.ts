// A user event beside a uprobe: the same probe, traced by the same tracer (ftrace), in one process,
// in turn.
import { constants as files } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Figure, Part } from './part.js';
import { runProgram, withFolder } from './program.js';
import type { EventTimes } from './programs/events.js';
import { pairs, summary } from './statistics.js';

const DATA = '/sys/kernel/tracing/user_events_data';

export const events: Part = {
  name: 'events',
  title: 'a user event beside a uprobe (a kernel with user events, and root)',
  async run({ quick }) {
    try {
      await access(DATA, files.W_OK);
    } catch (error) {
      return { leftOut: [`user events: ${(error as Error).message}`], notes: [], tables: [], goals: [] };
    }
    return withFolder(async (folder) => {
      const times = await runProgram<EventTimes>('events', [quick ? '7' : '31'], {
        env: { SONDE_DIR: folder, SONDE_BACKEND: 'ebpf' },
      });
      const ratios = (one: number[], other: number[]) =>
        figure(
          pairs(one, other, (a, b) => a / b),
          3,
        );
      return {
        notes: [
          'ns per fire(string, int), both values recorded by ftrace.',
          'Median of rounds (quartiles); ratios are medians of ratios within a round.',
        ],
        tables: [
          {
            head: ['', 'ns', '× the uprobe'],
            rows: [
              ['not traced', figure(times.untraced), ratios(times.untraced, times.uprobe)],
              ['user event', figure(times.event), ratios(times.event, times.uprobe)],
              ['uprobe', figure(times.uprobe), ratios(times.uprobe, times.uprobe)],
              ['both at once', figure(times.both), ratios(times.both, times.uprobe)],
            ],
          },
        ],
        goals: [],
      };
    });
  },
};

const figure = (values: number[], digits = 1): Figure => ({ summary: summary(values), digits });
