// The demo: the service answers real requests, and bpftrace shows what bunyan and restify tell of
// them. It needs root and bpftrace.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { load } from './load.js';

const PATHS = ['/greet/ada', '/greet/grace?language=fr', '/report', '/greet/alan?language=xx'];
const LOAD_MS = 2_000;
const CONNECTIONS = 4;
const ATTACHED_WITHIN_MS = 20_000;
const INTERRUPTED_EVERY_MS = 3_000;

const children: ChildProcess[] = [];
const objects = mkdtempSync(join(tmpdir(), 'greeter-'));
try {
  await demo();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(objects, { recursive: true, force: true });
}

async function demo(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('bpftrace needs root: run the demo as root');
  if (spawnSync('bpftrace', ['--version']).error) throw new Error('bpftrace is not installed');
  const server = start(process.execPath, [fileURLToPath(new URL('server.js', import.meta.url))], {
    SONDE_DIR: objects,
    // Of restify 11, which uses what Node.js will take away.
    NODE_NO_WARNINGS: '1',
  });
  let logged = 0;
  server.stderr!.on('data', (lines) => {
    logged += String(lines).split('\n').length - 1;
  });
  const greeting = await Promise.race([once(server.stdout!, 'data'), once(server, 'exit').then(() => undefined)]);
  if (!greeting) throw new Error('the service ended before it listened');
  const [, pid, url] = /^process (\d+), (\S+)/.exec(String(greeting[0]))!;
  console.log(`A service of bunyan and restify runs: process ${pid}, ${url}.\n`);

  const [bunyan, restify] = ['bunyan', 'restify'].map((name) => join(objects, `${name}.so`));
  for (const object of [bunyan, restify]) if (!existsSync(object!)) throw new Error(`there is no ${object}`);
  for (const object of [bunyan, restify]) {
    const { stdout } = spawnSync('bpftrace', ['-l', `usdt:${object}:*`], { encoding: 'utf8' });
    console.log(`$ bpftrace -l 'usdt:${object}:*'\n${stdout}`);
  }

  const program = `
usdt:${bunyan}:bunyan:log__debug { @debug = count(); if (@shown < 3) { @shown++; printf("%s", str(arg0)); } }
usdt:${bunyan}:bunyan:log__error { @errors = count(); }
usdt:${restify}:restify:route__start { @since[arg2] = nsecs; @requests[str(arg4)] = count(); }
usdt:${restify}:restify:route__start /@headers < 1/ { @headers++; printf("%s\\n", str(arg5)); }
usdt:${restify}:restify:route__done /@since[arg2]/ {
  @us[str(arg1), arg3] = hist((nsecs - @since[arg2]) / 1000);
  delete(@since[arg2]);
}
usdt:${restify}:restify:handler__done { @handlers[str(arg2)] = count(); if (@first < 1) { @first++; printf("%s\\n", str(arg2)); } }
END { clear(@since); clear(@shown); clear(@headers); clear(@first); }`;
  console.log(`$ BPFTRACE_STRLEN=200 bpftrace -e '${program}'`);
  const tracer = start('bpftrace', ['-e', program], { BPFTRACE_STRLEN: '200' });
  let seen = '';
  for (const stream of [tracer.stdout!, tracer.stderr!]) {
    stream.on('data', (text) => {
      seen += text;
    });
  }
  // bpftrace attaches to one probe after the other: one request after another, until the first and
  // the last of them are seen.
  const isAttached = () =>
    /^{"name".*}$/m.test(seen) && /^{"host".*}$/m.test(seen) && /^(parseQueryString|greet)$/m.test(seen);
  for (let waited = 0; !isAttached(); waited += 50) {
    if (waited > ATTACHED_WITHIN_MS || tracer.exitCode !== null) throw new Error(`bpftrace did not attach: ${seen}`);
    await load(url!, ['/greet/first'], 1, 1);
    await sleep(50);
  }
  const answered = await load(url!, PATHS, CONNECTIONS, LOAD_MS);
  // The last answer comes before its handler is done. When another one has come, all that was to be
  // counted is.
  await load(url!, ['/greet/last'], 1, 1);
  // bpftrace 0.17 forgets an interrupt that comes while it prints.
  const again = setInterval(() => tracer.kill('SIGINT'), INTERRUPTED_EVERY_MS);
  tracer.kill('SIGINT');
  await once(tracer, 'close');
  clearInterval(again);
  console.log(seen.replace(/^Attaching.*|^ERROR: .*RLIMIT_MEMLOCK.*/gm, '').trim());
  server.kill();
  // Closed, and not only ended: all of its log has come then.
  await once(server, 'close');
  console.log(`\nAnswered: ${JSON.stringify(Object.fromEntries(answered))}`);
  console.log(`Lines in the service's log, which has neither requests nor debugging: ${logged}`);
}

function start(command: string, args: string[], env: Record<string, string>): ChildProcess {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}
