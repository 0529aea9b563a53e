// gdb, driven as a person drives it: through its prompt.
import { type NativeArgument, readBack } from './read-back.js';
import type { Scene } from './scene.js';
import type { Tracer } from './tracer.js';

export class Gdb {
  private readonly tracer: Tracer;
  private questions = 0;

  private constructor(tracer: Tracer) {
    this.tracer = tracer;
  }

  /** Attaches it to a process, which stands still until `go`. */
  static async attach(scene: Scene, pid: number): Promise<Gdb> {
    const tracer = scene.tracer('gdb', ['-nx', '-quiet', '-p', String(pid)]);
    // Interrupted, gdb only asks what to do next; at the end of its input it detaches and ends.
    scene.defer(() => tracer.close());
    const gdb = new Gdb(tracer);
    const settings = [
      'confirm off',
      'pagination off',
      'width 0',
      'print elements 0',
      'print repeats 0',
      // Without source lines: that a file is missing goes to stderr, and so into the middle of what
      // stands in stdout.
      'print frame-info location',
    ];
    for (const setting of settings) tracer.write(`set ${setting}\n`);
    await gdb.ask('info inferiors');
    return gdb;
  }

  /** Runs a command that leaves the process where it is, and returns what gdb answers. */
  async ask(command: string): Promise<string> {
    const number = ++this.questions;
    // Both ends are marked: what gdb tells of a stop may still be on its way.
    this.tracer.write(`echo <asked ${number}>\\n\n${command}\necho <answered ${number}>\\n\n`);
    const pattern = new RegExp(`<asked ${number}>\n([^]*)<answered ${number}>\n`);
    const [, answer] = await this.tracer.shows(pattern);
    return answer!.replaceAll('(gdb) ', '').trim();
  }

  /**
   * Breaks at a function, or with `-probe-stap` at an SDT probe; with commands, they are run
   * whenever it fires, and the process goes on.
   */
  async breakAt(location: string, commands: readonly string[] = []): Promise<void> {
    const list = commands.length === 0 ? [] : ['commands', 'silent', ...commands, 'continue', 'end'];
    const answer = await this.ask([`break ${location}`, ...list].join('\n'));
    if (!/^Breakpoint \d+ at 0x/m.test(answer)) throw new Error(`gdb does not break at ${location}: ${answer}`);
  }

  /** Lets the process run on. */
  go(): void {
    this.tracer.write('continue\n');
  }

  /** Stops the process where it is. */
  async interrupt(): Promise<void> {
    const from = this.tracer.output.length;
    this.tracer.signal('SIGINT');
    await this.tracer.shows(/received signal SIGINT/, from);
  }

  /** Takes its breakpoints out, lets the process run on, and ends; returns all that it showed. */
  async detach(): Promise<string> {
    this.tracer.write('detach\nquit\n');
    return this.tracer.end();
  }

  /** Waits until it has stopped at a breakpoint, which it then shows like this. */
  stopsAt(pattern: RegExp): Promise<RegExpExecArray> {
    return this.tracer.shows(pattern);
  }

  /** What the commands below printed. */
  readBack(): string[] {
    return readBack(this.tracer.output);
  }
}

/** Commands that print what arguments of a probe are, as read-back.ts wants it: by its SDT note. */
export function printProbe(name: string, list: readonly NativeArgument[]): string[] {
  // No formats: how wide it is, and whether it has a sign, is for gdb to know.
  return print(name, list, ({ index }) => `$_probe_arg${index}`, { signed: 'output', unsigned: 'output' });
}

/** The same by the parameters of the stub's own function. */
export function printNamed(name: string, list: readonly NativeArgument[]): string[] {
  // With formats, since gdb shows a small integer's character too: `ptype` is what tells whether it
  // has a sign.
  return print(name, list, (argument) => argument.name, { signed: 'output/d', unsigned: 'output/u' });
}

type Output = Record<'signed' | 'unsigned', string>;

function print(
  name: string,
  list: readonly NativeArgument[],
  read: (argument: NativeArgument) => string,
  output: Output,
): string[] {
  const commands = list.flatMap((argument, index) =>
    printOne(argument, read(argument), () => read(list[index + 1]!), output),
  );
  return [`echo <<${name}`, ...commands, 'echo >>\\n'];
}

function printOne({ kind }: NativeArgument, value: string, length: () => string, output: Output): string[] {
  switch (kind) {
    case 'signed':
    case 'unsigned':
      return ['echo |', `${output[kind]} ${value}`];
    case 'text':
      return [`printf "|%s", (char *) ${value}`];
    case 'memory':
      return [
        'echo |',
        'set $i = 0',
        `while $i < ${length()}`,
        `printf "%02x", ((unsigned char *) ${value})[$i]`,
        'set $i = $i + 1',
        'end',
      ];
  }
}
