import type { BrokenRule } from './rules.js';

/**
 * The one error this package throws: for a definition that cannot become DOF, and for bytes that
 * are not what they claim to be. The message names the value and the rule it broke, and for bytes
 * where they lie.
 */
export class DofError extends Error {
  readonly code = 'SONDE_DOF';
  override readonly name = 'DofError';

  /** What was broken where, if it is bytes that are wrong; nothing for a definition. */
  readonly broken: BrokenRule | undefined;

  constructor(message: string, broken?: BrokenRule) {
    super(message);
    this.broken = broken;
  }
}
