// A program that starts another one, and tells what both tell: [its own, the other's]. A child that
// is detached tells it in a file, and to nobody else.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { tell } from './tell.js';

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
const [how, own, file] = process.argv.slice(2) as ['fork' | 'spawn' | 'detached', string, string];
/** The child's whole environment; without it that of this process. */
const env: NodeJS.ProcessEnv = JSON.parse(own) ?? process.env;

const told = tell();
switch (how) {
  case 'fork': {
    const child = fork(PROGRAM, {
      env,
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    console.log(JSON.stringify([told, JSON.parse(await text(child.stdout!))]));
    break;
  }
  case 'spawn': {
    const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    console.log(JSON.stringify([told, JSON.parse(await text(child.stdout))]));
    break;
  }
  case 'detached': {
    // It begins when this process is gone.
    const later = `while kill -0 ${process.pid} 2>/dev/null; do sleep 0.01; done; exec "$0" "$@"`;
    const child = spawn('sh', ['-c', later, process.execPath, PROGRAM], {
      env,
      detached: true,
      stdio: ['ignore', openSync(file, 'w'), 'ignore'],
    });
    await once(child, 'spawn');
    child.unref();
    console.log(JSON.stringify([told]));
  }
}
