// Has `sonde script` print programs for SystemTap, of a program that runs meanwhile; they go to stdout as one program.
//   node printed-script.js OBJECTS
import { fileURLToPath } from 'node:url';
import { sonde } from '../../support/command.js';
import { TracedProgram } from '../../support/traced-program.js';

const OTHER_KERNEL = fileURLToPath(new URL('other-kernel.js', import.meta.url));

const program = new TracedProgram(
  { SMTP_PROVIDER: 'scripted', SONDE_DIR: process.argv[2]! },
  { execArgv: ['--import', OTHER_KERNEL] },
);
await program.ready;
for (const args of [
  ['trace', 'scripted:session-start', '-w', 'peer ~ "s*n" && port < 0'],
  ['count', 'scripted:session-start', '--by', 'peer,port', '-e', '1min'],
  ['hist', 'scripted:session-done.bytes', '-w', 'bytes > 5'],
]) {
  const { stdout, stderr, status } = sonde('script', ...args, '--for', 'stap');
  if (status !== 0) throw new Error(stderr);
  process.stdout.write(stdout);
}
await program.kill();
