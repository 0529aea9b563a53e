// What a test needs of the machine. Where it is missing, a person's run says loudly what was not
// tested and goes on; under CI=true the test fails: there, everything is to be tested.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';

/** Goes on only where all of these programs are installed. */
export function needsTools(context: Context, ...tools: string[]): void {
  const missing = tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  if (missing.length > 0) cannotTest(context, `${missing.join(', ')} not installed`);
}

/** Goes on only where the C compiler finds this header. */
export function needsHeader(context: Context, header: string): void {
  const { status } = spawnSync('cc', ['-E', '-x', 'c', '-'], { input: `#include <${header}>\n` });
  if (status !== 0) cannotTest(context, `the C compiler finds no <${header}>`);
}

/** Goes on only as root, with tracefs mounted (it is mounted if need be). */
export function needsRoot(context: Context): void {
  if (process.platform !== 'linux') cannotTest(context, `this is ${process.platform}, not Linux`);
  if (process.getuid?.() !== 0) cannotTest(context, 'this user is not root');
  if (!existsSync('/sys/kernel/tracing/uprobe_events')) {
    spawnSync('mount', ['-t', 'tracefs', 'nodev', '/sys/kernel/tracing']);
  }
  if (!existsSync('/sys/kernel/tracing/uprobe_events'))
    cannotTest(context, 'the kernel has no uprobe events in tracefs');
}

/** A user who is not root, and needs no account. */
export const OTHER_USER = 1000;

/** What runs a program as another user; nothing where that is root. */
export function asUser(user: number): string[] {
  return user === 0 ? [] : ['setpriv', '--reuid', String(user), '--regid', String(user), '--clear-groups'];
}

/** Goes on only as root, where another user can run this Node.js and these programs. */
export function needsOtherUser(context: Context): void {
  needsTools(context, 'setpriv');
  const [command, ...args] = [...asUser(OTHER_USER), process.execPath, '-e', ''];
  if (process.getuid?.() !== 0) cannotTest(context, 'this user is not root');
  if (spawnSync(command!, args).status !== 0) cannotTest(context, `user ${OTHER_USER} cannot run ${process.execPath}`);
  const here = fileURLToPath(import.meta.url);
  if (spawnSync(asUser(OTHER_USER)[0]!, [...asUser(OTHER_USER).slice(1), 'test', '-r', here]).status !== 0) {
    cannotTest(context, `user ${OTHER_USER} cannot read ${here}`);
  }
}

/** Goes on only where this user may attach a debugger to a process of its own. */
export function needsPtrace(context: Context): void {
  const scope = '/proc/sys/kernel/yama/ptrace_scope';
  if (process.getuid?.() === 0 || !existsSync(scope) || readFileSync(scope, 'utf8').trim() === '0') return;
  cannotTest(context, `${scope} is not 0, so only root may attach a debugger`);
}

/** Says why the test cannot run here, and ends it. */
export function cannotTest(context: Context, reason: string): never {
  const title = context.test?.fullTitle() ?? 'a suite';
  if (process.env.CI === 'true') throw new Error(`${reason}, and under CI=true nothing may go untested: ${title}`);
  console.warn(`\n  NOT TESTED: ${title}\n    because ${reason}\n`);
  return context.skip();
}
