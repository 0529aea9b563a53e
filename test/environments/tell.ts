// What sonde does where this is called: a provider is defined, fired without a tracer, with one
// inside the process, and without again.
import { release } from 'node:os';
import { firstInstruction } from '@sonde/native';
import { int32, json, provider, type Status, status, string } from 'sonde';
import { type Attachment, attachToStub } from '../conformance/selftrace.js';

export interface Told extends Pick<Status, 'backend' | 'reason'> {
  /** Of the probe object; and why it is there. */
  location?: string;
  why?: string;
  /**
   * Whether the probe was enabled before, while and after it was traced; false in the middle where
   * nothing can be traced.
   */
  enabled: [boolean, boolean, boolean];
  /** What the tracer saw. */
  seen: [peer: string, port: number][];
  errors: number;
}

/** `smtp` with the probes that most programs here have. */
export const defineSmtp = () =>
  provider('smtp', {
    sessionStart: [string('peer'), int32('port')],
    /** Whoever makes its value has the thread while the probe fires. */
    sessionDump: [json('session')],
  });

const NATIVE = {
  session__start: [
    { name: 'peer', type: 'string' },
    { name: 'port', type: 'int32' },
  ],
  session__dump: [{ name: 'session', type: 'string' }],
} as const;

/** Traces a probe of smtp from inside the process. */
export function traceSmtp(object: string, probe: keyof typeof NATIVE = 'session__start'): Attachment {
  const nop = process.arch === 'arm64' ? 4 : firstInstruction(release(), process.arch);
  return attachToStub(object, `smtp_${probe}`, nop, NATIVE[probe]);
}

/** Of what a tracer of sessionStart saw. */
export const starts = (tracer: Attachment): Told['seen'] =>
  tracer.take().map(([peer, port]) => [String(peer), Number(port)]);

export function tell(port = 2525, smtp = defineSmtp()): Told {
  const enabled: boolean[] = [];
  const fire = () => {
    enabled.push(smtp.sessionStart.enabled);
    smtp.sessionStart.fire('10.0.0.7', port);
  };
  fire();
  const { location } = status().providers.findLast(({ name }) => name === 'smtp')!;
  const tracer = location === undefined ? undefined : traceSmtp(location);
  fire();
  const seen = tracer ? starts(tracer) : [];
  tracer?.detach();
  fire();
  const { backend, reason, providers } = status();
  const { reason: why, probes } = providers.findLast(({ name }) => name === 'smtp')!;
  return {
    backend,
    ...(reason !== undefined && { reason }),
    ...(location !== undefined && { location }),
    ...(why !== undefined && { why }),
    enabled: enabled as Told['enabled'],
    seen,
    errors: probes[0]!.errors,
  };
}
