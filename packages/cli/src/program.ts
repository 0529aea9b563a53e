// The subcommands and their options. What a subcommand needs is loaded when it runs.
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { parseMilliseconds } from './question/units.js';

export const program = new Command('sonde')
  .description('Asks live Node.js processes questions, through the probes that they have.')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText('after', () => EXAMPLES);

const EXAMPLES = `
Examples:
  sonde list                                  processes with probes
  sonde trace smtp:session-done               its events, as they happen
  sonde trace delivery --where 'ns > 5ms'     slow deliveries
  sonde flame server.js -o flame.html         where it spends its time
`;

// Options of several subcommands.
const ONLY = new Option('-p, --process <target>', 'only these: a pid, part of a command line, or container:NAME');
const WHERE = new Option(
  '-w, --where <condition>',
  `only events for which it holds: 'domain == "bank.example" && ns > 1ms'`,
);
const EVERY = new Option('-e, --every <time>', 'print what came in each interval, too: 1s').argParser(duration);
const UNTIL = new Option('-d, --duration <time>', 'end after this time: 10s, 500ms, 2min').argParser(duration);
const FIRST = 'without it, the first that works';
const GIVEN_BY = new Option('--engine <name>', `tracefs (root), bpftrace (root), gdb or dtrace (root); ${FIRST}`);
const COUNTED_BY = new Option('--engine <name>', `bpftrace (root), tracefs (root), gdb or dtrace (root); ${FIRST}`);
const RECORDED_BY = new Option('--engine <name>', `perf or, for samples of time, bpftrace (root); ${FIRST}`);
const DRY_RUN = new Option('--dry-run', 'print what would be run, as commands for a shell');

const ATTACH = new Option('--attach', 'load @sonde/node into the processes of the target first, if they lack it');
program.hook('preAction', async (_, command) => {
  if (command.opts().attach) await (await import('./commands/attach-first.js')).attachFirst(command);
});
// Of subcommands that send a process a signal.
const FORCE = new Option('--force', 'even if it cannot be told whether the program listens to SIGUSR1 itself');

program
  .command('list')
  .description('show processes that have probes, their probes and arguments, and what is traced now')
  .argument('[target]', 'a pid, part of a command line, container:NAME, or a file with probes')
  .argument('[provider]', 'only this provider, or PROVIDER:PROBE, with * for any characters')
  .option('--engine <name>', 'dtrace: those that DTrace lists, as on other systems than Linux')
  .option('--json', 'print JSON')
  .addOption(ATTACH)
  .action(async (target, provider, options) => {
    (await import('./commands/list.js')).list(target, provider, options);
  });

program
  .command('trace')
  .description('print events as they happen')
  .argument('<probe...>', 'PROVIDER:PROBE, or PROBE, with * for any characters')
  .addOption(ONLY)
  .addOption(WHERE)
  .option('-f, --fields <names>', 'only these arguments, separated by commas', names)
  .addOption(UNTIL)
  .addOption(GIVEN_BY)
  .addOption(DRY_RUN)
  .option('--no-limit', 'print more than 1,000 events a second')
  .option('--json', 'print a line of JSON for each event')
  .addOption(ATTACH)
  .action(async (probes, options) => {
    await (await import('./commands/trace.js')).trace(probes, options);
  });

program
  .command('count')
  .description('count how often probes fire, by the values of their arguments')
  .argument('<probe...>', 'PROVIDER:PROBE, or PROBE, with * for any characters')
  .option('-b, --by <names>', 'a count for each value of these arguments, separated by commas', names)
  .addOption(ONLY)
  .addOption(WHERE)
  .addOption(EVERY)
  .addOption(UNTIL)
  .addOption(COUNTED_BY)
  .addOption(DRY_RUN)
  .option('--json', 'print JSON')
  .addOption(ATTACH)
  .action(async (probes, options) => {
    await (await import('./commands/count.js')).count(probes, options);
  });

program
  .command('hist')
  .description('show how the values of an argument are distributed, or how long an operation takes')
  .argument('<probe>', 'an operation, PROBE.ARGUMENT, or a probe with one number')
  .option('-b, --by <names>', 'a histogram for each value of these arguments, separated by commas', names)
  .addOption(ONLY)
  .addOption(WHERE)
  .addOption(EVERY)
  .addOption(UNTIL)
  .addOption(COUNTED_BY)
  .addOption(DRY_RUN)
  .option('--json', 'print JSON')
  .addOption(ATTACH)
  .action(async (probe, options) => {
    await (await import('./commands/hist.js')).hist(probe, options);
  });

program
  .command('top')
  .description('show what happens now, in tables that are renewed: http, functions, gc, loop')
  .argument('<what...>', 'a target, if it is not every process, and http, functions, gc or loop')
  .option('-e, --every <time>', 'renew it so often', duration, 1000)
  .addOption(UNTIL)
  .addOption(GIVEN_BY)
  .addOption(DRY_RUN)
  .option('--json', 'print a line of JSON each time')
  .addOption(ATTACH)
  .action(async (what, options) => {
    await (await import('./commands/top.js')).top(what, options);
  });

program
  .command('functions')
  .description('show calls of functions by their names, in a process in which nothing was prepared')
  .argument('<target>', 'a pid, part of a command line, or container:NAME')
  .argument('<name...>', "functions: deliver, 'MailServer.*', or src/server.ts:42")
  .option('--share <percent>', 'let a function go that takes more than this of a core', share, 10)
  .option('-e, --every <time>', 'show what came so far at each interval: 1s', duration)
  .addOption(UNTIL)
  .addOption(GIVEN_BY)
  .addOption(DRY_RUN)
  .option('--json', 'print JSON')
  .action(async (target, functionNames, options) => {
    await (await import('./commands/functions.js')).functions(target, functionNames, options);
  });

program
  .command('flame')
  .description('record where time is spent, as a flame graph with the names of JavaScript functions')
  .argument('[target]', 'a pid, part of a command line, or container:NAME')
  .option(
    '-o, --output <file>',
    'write to FILE.html, .svg, .folded, .speedscope.json or .pb.gz; - prints the heaviest stacks',
    '-',
  )
  .option('-d, --duration <time>', 'record for this time: 10s, 500ms, 2min', duration, 10_000)
  .option('-F, --frequency <hertz>', 'take so many samples a second', frequency, 99)
  .option('--on <event>', 'record where it fires: a probe, tracepoint:…, usdt:LIBRARY:… or uprobe:LIBRARY:…')
  .addOption(RECORDED_BY)
  .addOption(DRY_RUN)
  .option('--json', 'print the stacks as JSON')
  .addOption(ATTACH)
  .action(async (target, options) => {
    await (await import('./commands/flame.js')).flame(target, options);
  });

program
  .command('script')
  .description('print the script of another tool that does the same as trace, count or hist')
  .argument('<subcommand>', 'trace, count or hist')
  .argument('<probe...>', 'as the subcommand takes it')
  .requiredOption('--for <tool>', 'bpftrace, d (DTrace), stap (SystemTap) or perf')
  .option('-b, --by <names>', 'of count and hist: the arguments that tell groups apart', names)
  .option('-f, --fields <names>', 'of trace: the arguments that are printed', names)
  .addOption(ONLY)
  .addOption(WHERE)
  .option('-e, --every <time>', 'of count and hist: print and clear so often', duration)
  .addOption(ATTACH)
  .action(async (subcommand, probes, options) => {
    await (await import('./commands/script.js')).script(subcommand, probes, options);
  });

program
  .command('doctor')
  .description('show what works here and what does not: permissions, the kernel, tools, a process')
  .argument('[target]', 'a pid, part of a command line, or container:NAME: why its probes are not seen')
  .option('--json', 'print JSON')
  .action(async (target, options) => {
    await (await import('./commands/doctor.js')).doctor(target, options, program);
  });

program
  .command('attach')
  .description('load @sonde/node into Node.js processes that run, which gives them its probes')
  .argument('<target>', 'a pid, part of a command line, or container:NAME')
  .addOption(FORCE)
  .option('--json', 'print JSON')
  .action(async (target, options) => {
    await (await import('./commands/attach.js')).attach(target, options);
  });

program
  .command('detach')
  .description('undo what sonde attach did')
  .argument('<target>', 'a pid, part of a command line, or container:NAME')
  .addOption(FORCE)
  .option('--json', 'print JSON')
  .action(async (target, options) => {
    await (await import('./commands/detach.js')).detach(target, options);
  });

program
  .command('completion')
  .description('print a script by which a shell completes the command line')
  .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
  .action(async (shell) => {
    (await import('./commands/completion.js')).completion(shell, program);
  });

program
  .command('__complete', { hidden: true })
  .argument('<kind>')
  .action(async (kind) => {
    (await import('./commands/complete.js')).complete(kind);
  });

program
  .command('__errand', { hidden: true })
  .argument('<errand>')
  .action(async (errand) => {
    await (await import('./commands/errand.js')).errand(errand);
  });

function names(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function share(text: string): number {
  const percent = Number(text);
  if (percent > 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('give a number above 0, and 100 at most');
}

function frequency(text: string): number {
  const hertz = Number(text);
  if (Number.isInteger(hertz) && hertz > 0 && hertz <= 10_000) return hertz;
  throw new InvalidArgumentError('give a whole number from 1 to 10000');
}

function duration(text: string): number {
  const milliseconds = parseMilliseconds(text);
  if (milliseconds === undefined) throw new InvalidArgumentError('give a time as 10s, 500ms or 2min');
  return milliseconds;
}
