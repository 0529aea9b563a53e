/** Exit codes of the command; docs/command.md lists them. */
export const EXIT = {
  /** The question was answered. */
  done: 0,
  /** Something failed while it ran. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Nothing there is what was asked for: no such process, probe or file. */
  nothing: 3,
  /** A permission or a tool is missing. */
  missing: 4,
} as const;

/** An error for the person who typed the command: what happened, the rule, what to do. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(kind: keyof typeof EXIT, message: string) {
    super(message);
    this.exitCode = EXIT[kind];
  }
}
