// A client of Node.js's inspector: the Chrome DevTools protocol over a WebSocket.
import { once } from 'node:events';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { EARLY } from './in-target.js';

const AGAIN_MS = 20;

export interface Address {
  address: string;
  port: number;
}

/** A session of the main thread, and by it of the worker threads. */
export class Inspector {
  private readonly socket: WebSocket;
  private readonly answers = new Map<number, (answer: Answer) => void>();
  /** Of worker threads, by their sessions and then as above. */
  private readonly workers = new Map<string, Worker>();
  private lastId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.take(JSON.parse(String(data))));
    socket.on('close', () => {
      for (const answer of this.answers.values()) answer({ error: { message: 'the inspector closed the connection' } });
      this.answers.clear();
      for (const worker of this.workers.values()) leave(worker);
    });
    socket.on('error', () => {});
  }

  /** @throws if there is no inspector */
  static async connect(address: Address): Promise<Inspector> {
    const socket = new WebSocket(await urlOf(address), { perMessageDeflate: false });
    const inspector = new Inspector(socket);
    await once(socket, 'open');
    // A process that ends waits until debuggers have left.
    await inspector.send('NodeRuntime.notifyWhenWaitingForDisconnect', { enabled: true }).catch(() => {});
    return inspector;
  }

  /** What an expression comes to in the main thread, awaited. @throws what it throws */
  async evaluate(expression: string): Promise<unknown> {
    return untilReady(async () => resultOf(await this.send('Runtime.evaluate', parametersOf(expression))));
  }

  /**
   * The same in each worker thread, by its id; undefined for those that did not answer in time.
   *
   * @param patienceMs for all of them
   */
  async evaluateInWorkers(expression: string, patienceMs: number): Promise<Map<string, unknown>> {
    await this.send('NodeWorker.enable', { waitForDebuggerOnStart: false });
    const results = new Map<string, unknown>();
    const asked = [...this.workers].map(async ([sessionId, worker]) => {
      results.set(worker.id, undefined);
      try {
        const result = await untilReady(() => this.evaluateInWorker(sessionId, worker, expression));
        results.set(worker.id, result);
      } catch {
        // It ends.
        results.delete(worker.id);
      }
    });
    await Promise.race([Promise.all(asked), sleep(patienceMs, undefined, { ref: false })]);
    await this.leaveWorkers();
    return results;
  }

  /** Node.js does not end the sessions of worker threads when that of the main thread ends. */
  private async leaveWorkers(): Promise<void> {
    await this.send('NodeWorker.disable', {});
    const left = [...this.workers].map(async ([sessionId, { hasEnded }]) => {
      if (!hasEnded) await this.send('NodeWorker.detach', { sessionId });
    });
    await Promise.allSettled(left);
  }

  private async evaluateInWorker(sessionId: string, worker: Worker, expression: string): Promise<unknown> {
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: parametersOf(expression) });
    const answer = new Promise<Answer>((resolve) => {
      worker.answer = resolve;
      if (worker.hasEnded) resolve(ENDED);
    });
    await this.send('NodeWorker.sendMessageToWorker', { sessionId, message });
    const { result, error } = await answer;
    if (error) throw new Error(error.message);
    return resultOf(result);
  }

  /**
   * Waits until the inspector ends the connection, or ends it. Without a WebSocket's closing
   * handshake: Node.js crashes if that meets the inspector's own end (WsHandler, in versions 20 to
   * 26), so who has the inspector closed waits, and says nothing.
   */
  async end(patienceMs: number): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, 'close');
    if (patienceMs > 0) await Promise.race([closed, sleep(patienceMs, undefined, { ref: false })]);
    this.socket.terminate();
    await closed;
  }

  private send(method: string, params: object): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== WebSocket.OPEN) throw new Error('the inspector closed the connection');
      this.answers.set(id, ({ result, error }) => {
        if (error) reject(new Error(error.message));
        else resolve(result);
      });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  private take(message: Answer & { id?: number; method?: string; params?: WorkerEvent }): void {
    const { id, method, params } = message;
    if (id !== undefined) {
      this.answers.get(id)?.(message);
      this.answers.delete(id);
    } else if (method === 'NodeRuntime.waitingForDisconnect') {
      this.socket.terminate();
    } else if (method === 'NodeWorker.attachedToWorker') {
      const { workerId, title } = params!.workerInfo!;
      const id = THREAD.exec(title)?.[1] ?? workerId;
      this.workers.set(params!.sessionId, { id, hasEnded: false, answer: () => {} });
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      const inner = JSON.parse(params!.message!);
      if (inner.id === 1) this.workers.get(params!.sessionId)?.answer(inner);
    } else if (method === 'NodeWorker.detachedFromWorker') {
      const worker = this.workers.get(params!.sessionId);
      if (worker) leave(worker);
    }
  }
}

/** A thread that has only begun is asked again. */
async function untilReady(evaluate: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    const result = await evaluate();
    if (result !== EARLY) return result;
    await sleep(AGAIN_MS);
  }
}

interface Answer {
  result?: unknown;
  error?: { message: string };
}

const ENDED: Answer = { error: { message: 'the worker thread has ended' } };

/** What Node.js calls a worker thread: its own number is in that alone. */
const THREAD = /^\[worker (\d+)\]/;

interface Worker {
  id: string;
  hasEnded: boolean;
  answer: (answer: Answer) => void;
}

function leave(worker: Worker): void {
  worker.hasEnded = true;
  worker.answer(ENDED);
}

interface WorkerEvent {
  sessionId: string;
  workerInfo?: { workerId: string; title: string };
  message?: string;
}

function parametersOf(expression: string) {
  // With the command line's API it has `require` in old versions.
  return { expression, awaitPromise: true, returnByValue: true, includeCommandLineAPI: true };
}

function resultOf(result: unknown): unknown {
  const { result: { value } = {}, exceptionDetails } = result as {
    result?: { value?: unknown };
    exceptionDetails?: { text: string; exception?: { description?: string } };
  };
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return typeof value === 'string' ? JSON.parse(value) : value;
}

/** Of its WebSocket, in which there is a secret. */
async function urlOf({ address, port }: Address): Promise<string> {
  const request = get({ host: address, port, path: '/json/list', agent: false, timeout: 5000 });
  request.on('timeout', () => request.destroy(new Error('the inspector does not answer')));
  const [response] = await once(request, 'response');
  const [{ webSocketDebuggerUrl: url } = {} as { webSocketDebuggerUrl?: string }] = JSON.parse(await text(response));
  if (typeof url !== 'string') throw new Error(`what listens on ${address}:${port} is no inspector`);
  return url;
}
