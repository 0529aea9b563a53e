import { gzipSync } from 'node:zlib';
import {
  Function as CalledFunction,
  Line,
  Location,
  Profile as Pprof,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';
import { type Frame, type Profile, sourceOf } from '../stacks.js';

/** https://github.com/google/pprof/blob/main/proto/profile.proto, compressed as `go tool pprof` reads it. */
export function pprof({ unit, frequency, startedAt, duration, stacks, title }: Profile): Buffer {
  const stringTable = new StringTable();
  const text = (value: string) => stringTable.dedup(value);
  const type = (name: string, itsUnit: string) => new ValueType({ type: text(name), unit: text(itsUnit) });
  const nanoseconds = unit === 'samples' && frequency !== undefined ? BigInt(Math.round(1e9 / frequency)) : undefined;
  const made = new Map<Frame, number>();
  const functions: CalledFunction[] = [];
  const locations: Location[] = [];
  const locationOf = (frame: Frame) => {
    const known = made.get(frame);
    if (known !== undefined) return known;
    const id = made.size + 1;
    made.set(frame, id);
    const { name, file = frame.object ?? '', line = 0 } = sourceOf(frame);
    functions.push(
      new CalledFunction({ id, name: text(name), systemName: text(frame.name), filename: text(file), startLine: line }),
    );
    locations.push(new Location({ id, line: [new Line({ functionId: id, line })] }));
    return id;
  };
  const sample = stacks.map(
    ({ frames, count }) =>
      new Sample({
        locationId: frames.map(locationOf).reverse(),
        value: nanoseconds === undefined ? [count] : [count, BigInt(count) * nanoseconds],
      }),
  );
  const profile = new Pprof({
    stringTable,
    sampleType:
      nanoseconds === undefined ? [type('fires', 'count')] : [type('samples', 'count'), type('cpu', 'nanoseconds')],
    sample,
    location: locations,
    function: functions,
    timeNanos: BigInt(Math.round(startedAt)) * 1_000_000n,
    durationNanos: BigInt(Math.round(duration * 1e6)),
    ...(nanoseconds !== undefined && { periodType: type('cpu', 'nanoseconds'), period: nanoseconds }),
    comment: [text(title)],
  });
  return gzipSync(profile.encode());
}
