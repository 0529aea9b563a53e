import { Agent, get } from 'node:http';

/** Requests that were answered, by their path. */
export type Answered = Map<string, number>;

/** Asks a server for all of these paths in turn, on so many connections at once, for so long. */
export async function load(url: string, paths: readonly string[], connections: number, ms: number): Promise<Answered> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const answered: Answered = new Map();
  const end = performance.now() + ms;
  let next = 0;
  const connection = async () => {
    while (performance.now() < end) {
      const path = paths[next++ % paths.length]!;
      await request(agent, url + path);
      answered.set(path, (answered.get(path) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  agent.destroy();
  return answered;
}

function request(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => response.resume().on('end', resolve).on('error', reject)).on('error', reject);
  });
}
