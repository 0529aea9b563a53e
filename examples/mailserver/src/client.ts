// Sends mail to the server: real SMTP over loopback, to recipients of several domains, small and
// large.
import { setTimeout as sleep } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { isMain, readOptions, wholeNumber } from './command-line.js';

const RECIPIENTS = [
  'anna@example.org',
  'vault@archive.example',
  'desk@bank.example',
  'ben@example.org',
  'clara@example.org',
  'audit@bank.example',
];
const SIZES = [300, 2_000, 12_000, 60_000, 250_000];
const SENTENCE = 'You can see a particular pattern in the operating system and locate the process involved. ';
/** The texts of mails, in turn. */
export const TEXTS: readonly string[] = SIZES.map((size) => SENTENCE.repeat(Math.ceil(size / SENTENCE.length)));

export interface Traffic {
  port: number;
  /** How many connections, one after the other. */
  sessions: number;
  /** How many mails over each, on average. */
  mails: number;
  /** How long to wait between two connections. */
  pauseMs: number;
}

/** Sends the mails; throws when one is refused. The same mix each time. */
export async function sendTraffic({ port, sessions, mails, pauseMs }: Traffic): Promise<void> {
  let sent = 0;
  for (let session = 0; session < sessions; session++) {
    if (session > 0) await sleep(pauseMs);
    const connection = createTransport({
      host: '127.0.0.1',
      port,
      pool: true,
      maxConnections: 1,
      maxMessages: Number.POSITIVE_INFINITY,
      // On Linux all of 127.0.0.0/8 is loopback, so that there can be several clients on one
      // machine.
      ...(process.platform === 'linux' && { localAddress: `127.0.0.${2 + (session % 3)}` }),
    });
    try {
      const count = Math.max(1, mails - 2 + (session % 5));
      for (let mail = 0; mail < count; mail++, sent++) {
        await connection.sendMail({
          from: 'sender@example.com',
          to: someRecipients(sent),
          subject: `Mail ${sent + 1}`,
          text: TEXTS[sent % TEXTS.length],
        });
      }
    } finally {
      connection.close();
    }
  }
}

/** One to three of them, in turn. */
function someRecipients(mail: number): string[] {
  const count = 1 + (mail % 3);
  return Array.from({ length: count }, (_, index) => RECIPIENTS[(mail + 2 * index) % RECIPIENTS.length]!);
}

const HELP = `Sends mail to the mail server on 127.0.0.1, to recipients of three domains.

  node dist/client.js [--port 2525] [--sessions 10] [--mails 10] [--pause 500]

  --port N      where the server listens (default 2525)
  --sessions N  how many connections, one after the other (default 10)
  --mails N     how many mails over each, on average (default 10)
  --pause MS    how long to wait between two connections, in milliseconds (default 500)
  --help        this text
`;

async function main(): Promise<void> {
  const option = (value: string) => ({ type: 'string', default: value }) as const;
  const traffic = readOptions(
    HELP,
    { port: option('2525'), sessions: option('10'), mails: option('10'), pause: option('500') },
    ({ port, sessions, mails, pause }): Traffic => ({
      port: wholeNumber('port', port, 1, 65_535),
      sessions: wholeNumber('sessions', sessions, 1, 1_000_000),
      mails: wholeNumber('mails', mails, 1, 1_000_000),
      pauseMs: wholeNumber('pause', pause, 0, 3_600_000),
    }),
  );
  try {
    await sendTraffic(traffic);
    console.log(`sent ${traffic.sessions} sessions`);
  } catch (error) {
    console.error(`sending failed: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

if (isMain(import.meta.url)) await main();
