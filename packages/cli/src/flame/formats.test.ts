// What files hold of two stacks, one of which was seen twice.
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { Profile as Pprof } from 'pprof-format';
import { CommandError, EXIT } from '../error.js';
import { formatOf } from './formats.js';
import { type Frame, type Profile, Stacks } from './stacks.js';

const MAIN: Frame = { name: 'main', kind: 'native', object: '/usr/bin/node' };
const DELIVER: Frame = { name: 'deliver /app/a b.js:12', kind: 'javascript' };
const ODD: Frame = { name: 'x;y\n<b>&"</script>\u001b[31m', kind: 'javascript' };

const PROFILE = profileOf([
  [MAIN, DELIVER],
  [MAIN, DELIVER, ODD],
  [MAIN, DELIVER],
]);

describe('a file of stacks', () => {
  it('.folded: a line for each stack', async () => {
    assert.equal(
      await made('.folded'),
      'main;deliver /app/a b.js:12 2\nmain;deliver /app/a b.js:12;x:y\\n<b>&"</script>\\x1b[31m 1\n',
    );
  });

  it('.speedscope.json: a sampled profile in milliseconds, functions with their files', async () => {
    const { shared, profiles, $schema } = JSON.parse(String(await made('.speedscope.json')));
    assert.equal($schema, 'https://www.speedscope.app/file-format-schema.json');
    assert.deepEqual(shared.frames, [
      { name: 'main' },
      { name: 'deliver', file: '/app/a b.js', line: 12 },
      { name: ODD.name },
    ]);
    assert.deepEqual(profiles, [
      {
        type: 'sampled',
        name: 'server (7)',
        unit: 'milliseconds',
        startValue: 0,
        endValue: 30,
        samples: [
          [0, 1],
          [0, 1, 2],
        ],
        weights: [20, 10],
      },
    ]);
  });

  it('.pb.gz: what pprof reads, the innermost function first', async () => {
    const profile = Pprof.decode(gunzipSync((await made('.pb.gz')) as Buffer));
    const text = (index: unknown) => profile.stringTable.strings[Number(index)];
    const functions = profile.function.map(({ name, filename, startLine }) => [
      text(name),
      text(filename),
      Number(startLine),
    ]);
    assert.deepEqual(functions, [
      ['main', '/usr/bin/node', 0],
      ['deliver', '/app/a b.js', 12],
      [ODD.name, '', 0],
    ]);
    assert.deepEqual(
      profile.sampleType.map(({ type, unit }) => [text(type), text(unit)]),
      [
        ['samples', 'count'],
        ['cpu', 'nanoseconds'],
      ],
    );
    assert.deepEqual(
      profile.sample.map(({ locationId, value }) => [locationId.map(Number), value.map(Number)]),
      [
        [
          [2, 1],
          [2, 20_000_000],
        ],
        [
          [3, 2, 1],
          [1, 10_000_000],
        ],
      ],
    );
    assert.deepEqual([Number(profile.durationNanos), Number(profile.period)], [1_000_000_000, 10_000_000]);
  });

  it('.svg: a box for each function, its texts escaped', async () => {
    const svg = String(await made('.svg'));
    assert.match(svg, /^<svg xmlns=[\s\S]*<\/svg>\n$/);
    assert.deepEqual(
      [...svg.matchAll(/<title>(.*?)<\/title>/g)].map(([, title]) => title),
      [
        'all: 3 samples, 100.0 %',
        'main: 3 samples, 100.0 %',
        'deliver /app/a b.js:12: 3 samples, 100.0 %',
        'x;y\\n&#60;b&#62;&#38;&#34;&#60;/script&#62;\\x1b[31m: 1 samples, 33.3 %',
      ],
    );
    assert.match(svg, /<rect x="0.0" y="\d+" width="399\.5"/);
  });

  it('.html: one page, whose data ends nothing', async () => {
    const html = String(await made('.html'));
    const [, data] = /<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(html)!;
    const { title, unit, root } = JSON.parse(data!);
    assert.deepEqual([title, unit], ['server (7)', 'samples']);
    const { name, value, children } = root.children[0].children[0].children[0];
    assert.deepEqual({ name, value, children }, { name: 'x;y\\n<b>&"</script>\\x1b[31m', value: 1, children: [] });
    assert.doesNotMatch(html, /SONDE_|(?:src|href)="?https?:|@import/);
  });

  it('as text: the heaviest first, nothing for a terminal to act on', async () => {
    const text = String(await (await formatOf('-'))(PROFILE));
    assert.equal(
      text,
      `server (7): 3 samples

2 samples, 66.7 %
    deliver /app/a b.js:12
    main

1 samples, 33.3 %
    x;y\\n<b>&"</script>\\x1b[31m
    deliver /app/a b.js:12
    main
`,
    );
  });

  it('of another ending is refused, with those that there are', () => {
    assert.throws(
      () => formatOf('flames.png'),
      (error) =>
        error instanceof CommandError &&
        error.exitCode === EXIT.usage &&
        /flames\.png.*\.html, \.svg, \.folded, \.speedscope\.json, \.pb\.gz, or -/.test(error.message),
    );
  });

  it('counts fires where a probe was recorded', async () => {
    const fires: Profile = { ...PROFILE, unit: 'fires', frequency: undefined };
    const { profiles } = JSON.parse(String(await formatOf('x.speedscope.json')(fires)));
    assert.deepEqual([profiles[0].unit, profiles[0].weights], ['none', [2, 1]]);
    const pprof = Pprof.decode(gunzipSync((await formatOf('x.pb.gz')(fires)) as Buffer));
    assert.deepEqual(
      pprof.sample.map(({ value }) => value.map(Number)),
      [[2], [1]],
    );
  });
});

function made(ending: string): Promise<string | Buffer> {
  return formatOf(`flames${ending}`)(PROFILE);
}

function profileOf(stacks: Frame[][]): Profile {
  const counted = new Stacks();
  for (const frames of stacks) counted.add(frames.map((frame) => ({ ...frame })));
  return {
    title: 'server (7)',
    unit: 'samples',
    frequency: 100,
    startedAt: 0,
    duration: 1000,
    stacks: counted.sorted(),
  };
}
