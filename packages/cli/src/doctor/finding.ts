/** `limited` works only in part, or only for some; `bad` does not work. */
export type State = 'good' | 'limited' | 'bad';

/** A fact about this machine or a process. */
export interface Finding {
  /** A name that scripts can look for. */
  id: string;
  state: State;
  fact: string;
  /** What follows from it for tracing. */
  meaning?: string;
  /** What to do about it. */
  remedy?: string;
}

export interface Section {
  title: string;
  findings: Finding[];
}
