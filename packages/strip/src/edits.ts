// Changes a module's text, and knows what is left of it.
import type * as t from '@babel/types';
import MagicString from 'magic-string';

/** A part of a text that stays, with what is written around it. */
export interface Part {
  readonly start: number;
  readonly end: number;
  readonly open?: string;
  readonly close?: string;
}

export class Edits {
  readonly code: string;
  readonly text: MagicString;
  private readonly gone: Uint8Array;

  constructor(code: string) {
    this.code = code;
    this.text = new MagicString(code);
    this.gone = new Uint8Array(code.length);
  }

  /** Whether a node is no longer in the text. */
  isGone({ start }: t.Node): boolean {
    return this.gone[start!] === 1;
  }

  source({ start, end }: t.Node): string {
    return this.code.slice(start!, end!);
  }

  replace({ start, end }: t.Node, text: string): void {
    this.put(start!, end!, text);
  }

  /** Writes text around a node. Of several texts at one place the later is the outer one. */
  surround({ start, end }: t.Node, before: string, after: string): void {
    this.text.prependRight(start!, before);
    this.text.appendLeft(end!, after);
  }

  /** Keeps only these parts of a node, with commas between and with texts before and after. */
  keepOnly(whole: t.Node, parts: readonly Part[], before: string, after: string): void {
    let at = whole.start!;
    let text = before;
    for (const { start, end, open = '', close = '' } of parts) {
      if (at < start) this.put(at, start, text + open);
      else this.text.prependRight(start, text + open);
      at = end;
      text = `${close}, `;
    }
    text = (parts.length > 0 ? (parts.at(-1)!.close ?? '') : before) + after;
    if (at < whole.end!) this.put(at, whole.end!, text);
    else this.text.appendLeft(at, text);
  }

  /** Replaces what is between two places. */
  put(start: number, end: number, text: string): void {
    if (start === end) return;
    if (text === '') this.text.remove(start, end);
    else this.text.overwrite(start, end, text);
    this.gone.fill(1, start, end);
  }
}

export const partOf = ({ start, end }: t.Node): Part => ({ start: start!, end: end! });
