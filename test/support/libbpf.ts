// The tracer in test/libbpf, which is compiled where it is needed.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scene } from './scene.js';
import { run, type Tracer } from './tracer.js';

const SOURCES = fileURLToPath(new URL('../../libbpf', import.meta.url));

/**
 * Compiles and starts it; on return it has attached, to all processes that map these objects, or
 * will.
 */
export async function startLibbpf(scene: Scene, objects: { smtp: string; every: string }): Promise<Tracer> {
  const folder = join(scene.folder, 'libbpf');
  await run('make', ['-C', SOURCES, `OUT=${folder}`]);
  const tracer = scene.tracer(join(folder, 'probe'), [objects.smtp, objects.every]);
  await tracer.shows(/^attached$/m);
  return tracer;
}
