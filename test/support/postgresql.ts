// A PostgreSQL server of the test's own, in the scene's folder. Debian's has SDT probes.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from 'mocha';
import type { Scene } from './scene.js';
import { cannotTest } from './tools.js';
import { run } from './tracer.js';

const VERSIONS = '/usr/lib/postgresql';

export interface PostgreSql {
  port: number;
  user: string;
  /** The program's path, for what attaches to it. */
  program: string;
  query(sql: string): Promise<string>;
}

/** Goes on only where it is installed; the folder of its programs. */
export function needsPostgreSql(context: Context): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const folder = versions
    .map((version) => join(VERSIONS, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
  if (!folder) cannotTest(context, `PostgreSQL is not installed in ${VERSIONS} (postgresql)`);
  return folder;
}

/** Starts one, until the scene ends. It does not run as root, so it is user postgres. */
export async function startPostgreSql(scene: Scene, bin: string): Promise<PostgreSql> {
  const user = 'postgres';
  const data = join(scene.folder, 'postgresql');
  await mkdir(data);
  await chmod(scene.folder, 0o755);
  const id = async (option: string) => Number(await run('id', [option, user]));
  await chown(data, await id('-u'), await id('-g'));
  const as = (program: string, ...args: string[]) =>
    promisify(execFile)('runuser', ['-u', user, '--', join(bin, program), '-D', data, ...args], { cwd: data });
  await as('initdb', '--auth=trust', '--no-sync');
  const port = await freePort();
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${data}`;
  await as('pg_ctl', '-w', '-l', join(data, 'log'), '-o', options, 'start');
  scene.defer(() => as('pg_ctl', '-m', 'immediate', 'stop'));
  const query = (sql: string) => run('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', user, '-Atc', sql]);
  return { port, user, program: join(bin, 'postgres'), query };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
