// The mail server of the examples: SMTP, and a database.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Seen } from './seen.js';

const EXAMPLE = new URL('../../../../examples/mailserver/', import.meta.url);

export async function run(): Promise<Seen> {
  const { startServer } = await import(new URL('dist/server.js', EXAMPLE).href);
  const nodemailer = createRequire(new URL('package.json', EXAMPLE))('nodemailer');
  const store = mkdtempSync(join(tmpdir(), 'mail-'));
  const server = await startServer({ port: 0, store });
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: server.port,
    secure: false,
    ignoreTLS: true,
  });
  const sent: unknown[] = [];
  for (const to of ['bob@example.org', 'carol@archive.example, dan@bank.example', 'no address']) {
    const mail = { from: 'alice@example.org', to, subject: 'hello', text: 'x'.repeat(1000) };
    const info = await transport
      .sendMail(mail)
      .catch((error: Error & { code: string }) => ({ response: `${error.code} ${error.message}` }));
    sent.push([info.accepted, info.rejected, info.response.replace(/[0-9a-f-]{36}/, 'ID')]);
  }
  transport.close();
  await server.close();
  rmSync(store, { recursive: true });
  return { results: sent, listeners: [] };
}
