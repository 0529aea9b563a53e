// Hostile values, as every type and in every way to fire: each is fired as something, and the
// program sees no difference.
import { fileURLToPath } from 'node:url';
import { CalledProgram } from '../support/called-program.js';
import { RawTracer } from '../support/raw-tracer.js';
import { useScene } from '../support/scene.js';
import { needsRoot } from '../support/tools.js';
import { type Goal, meet } from './goals.js';
import type { Commands, Told } from './hostile-program.js';
import type { Commands as Interfering } from './interfering-program.js';

const PROGRAM = fileURLToPath(new URL('hostile-program.js', import.meta.url));
const INTERFERING = fileURLToPath(new URL('interfering-program.js', import.meta.url));

describe('Hostile values change nothing', () => {
  const scene = useScene();

  it('where a tracer is attached', async function () {
    needsRoot(this);
    const program = await start();
    const tracer = RawTracer.place(scene.current, await program.call('object'), 'hostile');
    tracer.turn(true);
    const told = await program.call('fireAll', 'tracer');
    const hits = Object.values(tracer.hits()).reduce((sum, each) => sum + each, 0);
    report(told, { name: 'fires counted', measured: hits, least: told.fired });
  });

  it('where a recorder takes them', async () => {
    const program = await start();
    report(await program.call('recordAll'));
  });

  it('where a tracer is attached, whatever their code does to sonde, to other values and to the language while they are converted', async function () {
    needsRoot(this);
    const wrong: string[] = [];
    const [first] = [await startInterfering()];
    const cases = await first.call('cases');
    const tracer = RawTracer.place(scene.current, await first.call('object'), 'interferes');
    tracer.turn(true);
    for (const name of cases) {
      const program = await startInterfering();
      const error = await program.call('run', name).catch((error) => String(error));
      const end = await program.end();
      if (error !== undefined) wrong.push(`code that ${name}: ${error}`);
      else if (end !== 0) wrong.push(`code that ${name}: the program ended with ${end}, ${program.errors}`);
    }
    meet(
      `${cases.length} programs`,
      [{ name: 'that threw or crashed', measured: wrong.length, exactly: 0 }],
      wrong.join('\n'),
    );
  });

  async function startInterfering(): Promise<CalledProgram<Interfering>> {
    const environment = { SONDE_DIR: scene.current.objects };
    const program = new CalledProgram<Interfering>(INTERFERING, environment, { execArgv: ['--expose-gc'] });
    scene.current.defer(() => program.kill());
    return program;
  }

  async function start(): Promise<CalledProgram<Commands>> {
    const program = new CalledProgram<Commands>(PROGRAM, { SONDE_DIR: scene.current.objects });
    scene.current.defer(() => program.kill());
    return program;
  }
});

function report({ values, types, ways, wrong }: Told, ...more: Goal[]): void {
  meet(
    `${values} values as ${types} types in ${ways} ways`,
    [
      { name: 'values', measured: values, least: 40 },
      { name: 'differences', measured: wrong.length, exactly: 0 },
      ...more,
    ],
    wrong.slice(0, 40).join('\n'),
  );
}
