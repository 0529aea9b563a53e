// bunyan and restify, unmodified, as the example has them: what bpftrace shows while real requests
// come.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { needsRoot, needsTools } from '../support/tools.js';

const DEMO = fileURLToPath(new URL('../../../examples/bunyan-restify/dist/demo.js', import.meta.url));

describe('bunyan and restify with dtrace-provider for sonde', function () {
  this.timeout(60_000);
  let shown: string;

  before(function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
    const { stdout, stderr, status } = spawnSync(process.execPath, [DEMO], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, ''], `${stdout}\n${stderr}`);
    // restify 12 has the host in its URLs.
    shown = stdout.replace(/^@requests\[http:\/\/[^/]*/gm, '@requests[');
  });

  it('have probes that bpftrace lists', () => {
    const listed = [...shown.matchAll(/^usdt:\S*\.so:(\w+:\w+)$/gm)].map(([, probe]) => probe);
    assert.deepEqual(listed, [
      ...['debug', 'error', 'fatal', 'info', 'trace', 'warn'].map((level) => `bunyan:log__${level}`),
      ...['client__error', 'client__request', 'client__response'].map((name) => `restify:${name}`),
      ...['handler__done', 'handler__start', 'route__done', 'route__start'].map((name) => `restify:${name}`),
    ]);
  });

  it('show records of bunyan that are below its level, as JSON', () => {
    const records = [...shown.matchAll(/^\{"name".*\}$/gm)].map(([record]) => JSON.parse(record));
    assert.equal(records.length, 3);
    for (const record of records) assert.deepEqual([record.name, record.level, record.v], ['greeter', 20, 0]);
    assert.deepEqual([records[0].who, records[0].msg], ['first', 'greeting somebody']);
  });

  it('show headers of restify as JSON', () => {
    const [headers] = /^\{"host".*\}$/m.exec(shown)!;
    assert.match(JSON.parse(headers!).host, /^127\.0\.0\.1:\d+$/);
  });

  it('lose nothing: every request is counted by its route, its handlers and its log', () => {
    const answered: Record<string, number> = JSON.parse(/^Answered: (.*)$/m.exec(shown)![1]!);
    const counted = (map: string) =>
      Number(new RegExp(`^@${map.replace(/[?[\]]/g, '\\$&')}: (\\d+)$`, 'm').exec(shown)?.[1]);
    for (const [path, count] of Object.entries(answered)) {
      assert.ok(count > 0);
      assert.equal(counted(`requests[${path}]`), count, `${path}: ${shown}`);
    }
    // The requests before the load are to be seen or not: bpftrace attaches to one probe after the
    // other.
    const all = Object.values(answered).reduce((sum, count) => sum + count);
    const first = counted('debug') - all;
    assert.ok(first > 0);
    assert.equal(counted('handlers[report]'), answered['/report']);
    const wrong = answered['/greet/alan?language=xx']!;
    assert.equal(counted('errors'), wrong);
    assert.match(shown, new RegExp(`^Lines in the service's log, .*: ${wrong}$`, 'm'));
  });

  it('show the status and duration of each route', () => {
    const answered: Record<string, number> = JSON.parse(/^Answered: (.*)$/m.exec(shown)![1]!);
    const durations = (route: string) => {
      const [, histogram] = new RegExp(`^@us\\[${route}\\]: \\n((?:\\[.*\\n)+)`, 'm').exec(shown)!;
      return [...histogram!.matchAll(/\) +(\d+) \|/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    assert.equal(durations('getreport, 200'), answered['/report']);
    assert.equal(durations('getgreetname, 404'), answered['/greet/alan?language=xx']);
    assert.ok(durations('getgreetname, 200') >= answered['/greet/ada']! + answered['/greet/grace?language=fr']!);
  });
});
