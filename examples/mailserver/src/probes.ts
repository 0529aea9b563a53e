// What can be traced of the mail server: the one place to look for someone with a tracer, and the
// only definitions.
import { int32, operation, provider, stack, string, uint32, uint64 } from 'sonde';

export const smtp = provider('smtp', {
  /**
   * A client connected: smtp:sessionStart, which tracers on Linux know as `smtp:session__start`.
   */
  sessionStart: [string('peer'), int32('port')],
  /**
   * It is gone. The same peer and port as at its start, the bytes of all its mails, and how many
   * these were.
   */
  sessionDone: [string('peer'), int32('port'), uint64('bytes'), uint32('mails')],
  /** A recipient was accepted (RCPT TO). */
  recipient: [string('address'), string('domain')],
  /**
   * One mail into one mailbox: `smtp:delivery__start`, `…__done` and `…__error`. An operation's
   * probes come with an id first, and at the end with the nanoseconds since its start, so that
   * concurrent deliveries do not mix: `delivery__done(id, ns, domain, bytes)`.
   */
  delivery: operation({
    start: [string('recipient'), string('domain')],
    done: [string('domain'), uint64('bytes')],
  }),
  /**
   * One write into the database: `store__start(id, key, bytes)`, `store__done(id, ns)`,
   * `store__error(id, ns, message)`.
   */
  store: operation({ start: [string('key'), uint64('bytes')] }),
  /**
   * The same write, and who asked for it: the stack of JavaScript functions, which is taken only
   * while this is traced.
   */
  put: [string('key'), stack('frames', { limit: 2000 })],
});
