import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLERS } from './test-bundlers.js';
import { type Files, PROBES } from './test-shapes.js';

/** What every program begins with: from then on each fire is printed, unless probes are gone. */
const RECORD = `import { record } from 'sonde/testing';
const { fired } = record();
export const show = () => console.log(JSON.stringify(fired.map(({ probe, values }) => [probe, Object.values(values)[0]])));
`;

/** A program that has what cannot be removed: what it is warned of, and what it prints, bundled as it prints without. */
interface Kept {
  readonly name: string;
  readonly files: Files;
  /** In parts: where, and what. */
  readonly warnings: readonly RegExp[];
  readonly output: string;
}

const KEPT: readonly Kept[] = [
  {
    name: 'a probe that is handed to a function, where it is defined',
    files: {
      'main.js': `import { show } from './record.js';
import { provider, string } from 'sonde';
const smtp = provider('smtp', { start: [string('peer')], done: [string('peer')] });
function emit(probe, value) { probe.fire(value); }
emit(smtp.start, 'a');
smtp.done.fire('b');
show();
`,
    },
    warnings: [/main\.js:5:6: a probe of provider "smtp" is used here/],
    output: '[["start","a"],["done","b"]]',
  },
  {
    name: 'a provider that another module hands on',
    files: {
      'probes.js': PROBES,
      'main.js': `import { show } from './record.js';
import { smtp } from './probes.js';
import { log } from './log.js';
for (const probe of [smtp.sessionStart]) probe.fire('a', 1);
smtp.sessionDone.fire('b', 2);
log();
show();
`,
      'log.js': `import { smtp } from './probes.js';
export const log = () => { smtp.sessionStart.fire('c', 3); };
`,
    },
    warnings: [/main\.js:4:22: a probe of provider "smtp"/],
    output: '[["session__start","a"],["session__done","b"]]',
  },
  {
    name: 'a provider with a name that is computed',
    files: {
      'main.js': `import { show } from './record.js';
import { provider, string } from 'sonde';
const list = [string('peer')];
const app = provider('app' + 'x'.repeat(process.argv.length), { start: list });
const other = provider('other', { start: [string('text')] });
app.start.fire('a');
other.start.fire('b');
show();
`,
    },
    warnings: [/main\.js:4:13: this provider is not written out/],
    output: '[["start","a"]]',
  },
  {
    name: 'all of a module, handed on',
    files: {
      'probes.js': `${PROBES}export const PORT = 25;\n`,
      'main.js': `import { show } from './record.js';
import * as probes from './probes.js';
function use(all) { all.smtp.sessionStart.fire('a', all.PORT); }
use(probes);
const { smtp } = await import('./probes.js');
smtp.sessionStart.fire('b', 2);
await import('./probes.js').then(({ smtp, PORT }) => smtp.sessionDone.fire('c', PORT));
show();
`,
    },
    warnings: [/main\.js:4:5: an object with probes/, /main\.js:7:7: an object with probes/],
    output: '[["session__start","a"],["session__start","b"],["session__done","c"]]',
  },
  {
    name: 'CommonJS exports, handed on',
    files: {
      'probes.cjs': `const { provider, string } = require('sonde');
exports.smtp = provider('smtp', { start: [string('peer')] });
exports.PORT = 25;
`,
      'main.js': `import { show } from './record.js';
import use from './use.cjs';
use(); show();
`,
      'use.cjs': `const all = require('./probes.cjs');
const keys = Object.keys(all).sort();
module.exports = () => { all.smtp.start.fire('a'); console.log(keys.join()); };
`,
    },
    warnings: [/use\.cjs:2:26: an object with probes/],
    output: 'PORT,smtp\n[["start","a"]]',
  },
  {
    name: 'variables that change',
    files: {
      'probes.js': PROBES,
      'main.js': `import { show } from './record.js';
import { smtp } from './probes.js';
let probe = smtp.sessionStart;
probe.fire('a', 1);
probe = smtp.sessionDone;
probe.fire('b', 2);
class Session { probe = smtp.sessionStart; }
const session = new Session();
session.probe = smtp.sessionDone;
session.probe.fire('c', 3);
show();
`,
    },
    warnings: [/main\.js:3:13: /],
    output: '[["session__start","a"],["session__done","b"],["session__done","c"]]',
  },
  {
    name: 'side effects in arguments',
    files: {
      'probes.js': PROBES,
      'main.js': `import { smtp } from './probes.js';
let n = 0;
const next = () => ++n;
const box = {};
smtp.sessionStart.fire('a', n++);
smtp.sessionStart.fire(next(), (n += 2, box.last = n));
const go = (m) => smtp.sessionStart.fire('b', n = m);
go(n * 10);
if (n) smtp.sessionStart.fire('c', n > 5 ? n-- : 0);
console.log(n && smtp.sessionDone.fire(delete box.last, 1), n, Object.keys(box).length);
await smtp.delivery.run([n++], () => console.log(n));
smtp.sessionDone.fireWith(() => [n++, next()]);
`,
    },
    warnings: [
      /main\.js:5:29: `n\+\+` stays, since it changes the program: it is in an argument of a probe/,
      /main\.js:6:33: `n \+= 2` stays/,
      /main\.js:6:41: `box\.last = n` stays/,
      /main\.js:7:47: `n = m` stays/,
      /main\.js:9:36: `n > 5 \? n-- : 0` stays/,
      /main\.js:10:40: `delete box\.last` stays/,
      /main\.js:11:26: `n\+\+` stays/,
    ],
    output: 'undefined 29 0\n30',
  },
  {
    name: 'semicolons that are left out',
    files: {
      'probes.js': PROBES.replaceAll(';', ''),
      'main.js': `import { smtp } from './probes.js'
const out = []
const add = (x) => { out.push(x); return add }
add(1)
smtp.sessionStart.fire('a', 1)
;[2, 3].forEach((x) => add(x))
add(4)
smtp.sessionStart.fire('a', 1); (() => add(5))()
add(6)
if (!smtp.sessionStart.enabled) (() => add(7))()
const last = add(8)
smtp.delivery.run([], () => { const x = 9; add(x) })
smtp.delivery.run([], function () { add(this === undefined ? 10 : 0) })
console.log(out.join())
`,
    },
    warnings: [],
    output: '1,2,3,4,5,6,7,8,9,10',
  },
  {
    name: 'what operations run, as it is run',
    files: {
      'probes.js': PROBES,
      'main.js': `import { smtp } from './probes.js';
const box = { name: 'box', get() { return this?.name; }, async later() { return this?.name; } };
console.log(smtp.delivery.run(['a'], box.get));
console.log(smtp.delivery.run(['a'], () => box.get()));
console.log(smtp.delivery.run(['a'], () => ({ a: 1 })).a, smtp.delivery.run(['a'], () => box?.name).length);
console.log(await smtp.delivery.run(['a'], box.later));
try { smtp.delivery.run(['a'], () => { throw new Error('thrown'); }); } catch ({ message }) { console.log(message); }
async function caught() {
  try {
    return smtp.delivery.run(['a'], async () => { throw new Error('rejected'); });
  } catch { return 'caught'; }
}
async function awaited() {
  try {
    return await smtp.delivery.run(['a'], async () => { throw new Error('rejected'); });
  } catch { return 'caught'; }
}
console.log(await caught().catch(({ message }) => message), await awaited());
const early = (x) => { if (x) { return smtp.delivery.run([], () => { if (x > 1) return 'early'; }); } return 'late'; };
console.log(early(0), early(1), early(2));
smtp.delivery.runCallback(['a'], (done) => { done(null, 1); done.call(box, null, 2); }, function (error, n) { console.log(error, n, this?.name); });
smtp.delivery.runCallback(['a'], (done) => setTimeout(done, 1, null, 'time'), (error, text) => console.log(text));
const x = 1;
{ smtp.delivery.run([], () => { const x = 2; console.log(x); }); }
smtp.delivery.run([], () => { const x = 3; console.log(x); });
console.log(x, 2 * smtp.delivery.run([], () => x + 1), typeof smtp.delivery.run([], () => x, () => []));
`,
    },
    warnings: [],
    output:
      'undefined\nbox\n1 3\nundefined\nthrown\nrejected caught\nlate undefined early\nnull 1 undefined\nnull 2 box\n2\n3\n1 4 number\ntime',
  },
  {
    name: 'conditions',
    files: {
      'probes.js': PROBES,
      'main.js': `import { smtp } from './probes.js';
const out = [];
const f = (x) => { out.push(x); return x; };
f(0) && smtp.sessionStart.fire('a', 1);
const a = f('') || smtp.sessionStart.enabled, b = f(2) && smtp.sessionStart.enabled, c = smtp.sessionStart.enabled || f(3);
const traced = smtp.sessionStart.enabled || smtp.delivery.done.enabled;
if (traced || f(4) === 4) f('yes'); else f('no');
if (f(5) && traced) f('no');
if (traced) { f('no'); } else if (f(6)) { const g = 1; f('six'); }
while (smtp.sessionStart.enabled) f('no');
for (const x of [7, 8]) if (x === 7) smtp.sessionStart.fire('x', f(x)); else f(x);
const object = { traced, at: () => traced ? 1 : {}, smtp: () => void smtp.sessionStart.fire('a', 1) };
f(JSON.stringify([object.traced, object.at(), object.smtp() === undefined]));
switch (1) { case 1: smtp.sessionStart.fire('a', 1); f('case'); break; default: f('no'); }
label: { smtp.sessionStart.fire('a', 1); break label; }
try { smtp.sessionStart.fire('a', 1); } catch { f('no'); } finally { f('finally'); }
do { smtp.sessionStart.fire('a', 1); } while (f(0));
f(typeof traced); f(\`\${traced}\`); f(!!smtp.sessionStart && 'there');
f(smtp.sessionStart.enabled === false);
console.log(JSON.stringify(out), a, b, c);
export { traced };
`,
    },
    warnings: [],
    output:
      '[0,"",2,3,4,"yes",5,6,"six",8,"[false,{},true]","case","finally",0,"boolean","false","there",true] false false 3',
  },
  {
    name: 'names that hide others',
    files: {
      'probes.js': PROBES,
      'main.js': `import { show } from './record.js';
import { smtp } from './probes.js';
import { provider as p } from 'sonde';
const out = [];
function a(smtp) { smtp.sessionStart.fire('mine'); }
a({ sessionStart: { fire: (x) => out.push(x) } });
{ const p = (x) => ({ one: { fire: () => out.push(x) } }); const q = p('q', {}); q.one.fire(); }
class provider { static fire = (x) => out.push(x); sessionStart = { fire: (x) => out.push(x) }; go() { this.sessionStart.fire('field'); } }
provider.fire('static');
new provider().go();
smtp.sessionStart.fire('a', 1);
const { fire } = { fire: (x) => out.push(x) };
fire('free');
console.log(out.join());
show();
`,
    },
    warnings: [],
    output: 'mine,q,static,field,free\n[]',
  },
  {
    name: 'modules in a circle',
    files: {
      'probes.js': `${PROBES}import { go } from './main.js';\nexport const later = () => go();\n`,
      'main.js': `import { smtp, later } from './probes.js';
export const go = () => { smtp.sessionStart.fire('a', 1); return 'went'; };
export const probe = smtp.sessionStart;
console.log(later());
`,
    },
    warnings: [],
    output: 'went',
  },
  {
    name: 'what sonde exports besides',
    files: {
      'main.js': `import { DefinitionError, provider, string } from 'sonde';
const smtp = provider('smtp', { start: [string('peer')] });
smtp.start.fire('a');
console.log(typeof DefinitionError);
`,
    },
    warnings: [/main\.js:1:10: `DefinitionError` of sonde stays/],
    output: 'function',
  },
];

describe('what cannot be removed stays and works', () => {
  let folder: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'strip-')));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(
      fileURLToPath(import.meta.resolve('sonde')).replace(/\/lib\/.*/, ''),
      join(folder, 'node_modules/sonde'),
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { name, files, warnings, output } of KEPT) {
    it(name, async () => {
      const root = join(folder, name.replace(/\W+/g, '-'));
      for (const [file, content] of Object.entries({
        ...files,
        'record.js': RECORD,
        'package.json': '{ "type": "module" }',
      })) {
        mkdirSync(dirname(join(root, file)), { recursive: true });
        writeFileSync(join(root, file), content);
      }
      const bundled = await BUNDLERS.Rolldown!(root, { main: 'main.js' }, {});
      mkdirSync(join(root, 'bundled'));
      for (const [chunk, code] of Object.entries(bundled.code))
        writeFileSync(join(root, 'bundled', `${chunk}.js`), code);
      const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'bundled/main.js')], {
        encoding: 'utf8',
        env: { ...process.env, SONDE_BACKEND: 'noop' },
      });
      assert.equal(stderr, '', bundled.code.main);
      assert.equal(stdout.trim(), output, bundled.code.main);
      const others = bundled.warnings.filter((each) => !each.includes('sonde/testing stays'));
      assert.equal(others.length, warnings.length, others.join('\n'));
      for (const [index, warning] of warnings.entries()) assert.match(others[index]!, warning);
    });
  }
});
