/** Files that were to have probes and have none. */
export interface SkippedFiles {
  /** The last ones, with the reason. */
  skipped: { file: string; reason: string }[];
  /** How many more there were before these; left out where there were none. */
  unlisted?: number;
}

const MOST_LISTED = 1000;

/** Each file once, however often it is loaded. */
export class Skipped {
  private readonly reasons = new Map<string, string>();
  private unlisted = 0;

  add(file: string, reason: string): void {
    this.reasons.delete(file);
    this.reasons.set(file, reason);
    if (this.reasons.size > MOST_LISTED) {
      this.reasons.delete(this.reasons.keys().next().value!);
      this.unlisted++;
    }
  }

  remove(file: string): void {
    this.reasons.delete(file);
  }

  list(): SkippedFiles {
    return {
      skipped: [...this.reasons].map(([file, reason]) => ({ file, reason })),
      ...(this.unlisted > 0 && { unlisted: this.unlisted }),
    };
  }
}
