// How much each recipient has received, in SQLite, the embedded database that Node.js brings (24
// and newer). It is asked while a mail is received, in the same thread, and has little memory of
// its own: what it does not have there it reads from the disk.
import { join } from 'node:path';

const LARGEST_MAILBOX = 2 ** 30;

export interface Quota {
  /** Whether a mail of this size may still be received; it counts from now on. */
  take(recipient: string, id: string, bytes: number): boolean;
  /**
   * All mails, and a number that depends on all of them: two servers that received the same have
   * the same.
   */
  summary(): { mails: number; bytes: number };
  close(): void;
}

/** What is used of node:sqlite, which the types of Node.js 20 do not have. */
interface Statement {
  get(...values: unknown[]): unknown;
  run(...values: unknown[]): unknown;
}
interface SQLite {
  DatabaseSync: new (path: string) => { exec(sql: string): void; prepare(sql: string): Statement; close(): void };
}

/** @throws where this Node.js has no SQLite */
export function openQuota(folder: string): Quota {
  const sqlite = process.getBuiltinModule('node:sqlite') as SQLite | undefined;
  if (!sqlite) throw new Error(`Node.js ${process.version} has no SQLite: it came with 24`);
  const database = new sqlite.DatabaseSync(join(folder, 'quota.sqlite'));
  database.exec(`
    PRAGMA cache_size = 4; PRAGMA mmap_size = 0; PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS mails (recipient TEXT, id TEXT, bytes INTEGER);
    CREATE INDEX IF NOT EXISTS by_recipient ON mails (recipient, bytes);
  `);
  const used = database.prepare('SELECT coalesce(sum(bytes), 0) AS bytes FROM mails WHERE recipient = ?');
  const add = database.prepare('INSERT INTO mails VALUES (?, ?, ?)');
  const all = database.prepare('SELECT count(*) AS mails, coalesce(sum(bytes), 0) AS bytes FROM mails');

  function bytesOf(recipient: string): number {
    return (used.get(recipient) as { bytes: number }).bytes;
  }

  return {
    take(recipient, id, bytes) {
      if (bytesOf(recipient) + bytes > LARGEST_MAILBOX) return false;
      add.run(recipient, id, bytes);
      return true;
    },
    summary: () => ({ ...(all.get() as { mails: number; bytes: number }) }),
    close: () => database.close(),
  };
}
