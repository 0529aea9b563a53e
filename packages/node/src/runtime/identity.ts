// Ids of requests, connections and the like, by which a tracer joins what belongs together.

let last: number | undefined;

/**
 * A count from the thread's number times 2^32 on: unique among the threads of a process, and a safe
 * integer. Never 0.
 */
export function nextId(): number {
  // Loaded when it is needed, that is while traced: worker_threads takes a while.
  last ??= process.getBuiltinModule('node:worker_threads').threadId * 2 ** 32;
  return ++last;
}

const ids = new WeakMap<object, number>();

/**
 * The id of an object; it has one from the first time that it is asked for. 0 where there is no
 * object.
 */
export function idOf(object: object | null | undefined): number {
  if (!object) return 0;
  let id = ids.get(object);
  if (id === undefined) {
    id = nextId();
    ids.set(object, id);
  }
  return id;
}
