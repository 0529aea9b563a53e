import { type Frame, type Profile, sourceOf, total } from '../stacks.js';

/** https://www.speedscope.app/file-format-schema.json */
export function speedscope({ title, unit, frequency, stacks }: Profile): string {
  const indexes = new Map<Frame, number>();
  const indexOf = (frame: Frame) => {
    if (!indexes.has(frame)) indexes.set(frame, indexes.size);
    return indexes.get(frame)!;
  };
  const samples = stacks.map(({ frames }) => frames.map(indexOf));
  // In milliseconds, where each is a piece of time.
  const each = unit === 'samples' && frequency !== undefined ? 1000 / frequency : 1;
  const profile = {
    type: 'sampled',
    name: title,
    unit: each === 1 ? 'none' : 'milliseconds',
    startValue: 0,
    endValue: total(stacks) * each,
    samples,
    weights: stacks.map(({ count }) => count * each),
  };
  return JSON.stringify({
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name: title,
    exporter: 'sonde',
    shared: { frames: [...indexes.keys()].map(sourceOf) },
    profiles: [profile],
  });
}
