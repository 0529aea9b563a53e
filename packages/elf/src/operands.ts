/** One argument of an SDT note. */
export interface SdtOperand {
  /** In bytes, negative for a signed argument, as in the note; 0 if the note does not tell. */
  size: number;
  /** Is it a floating-point value? (`8f@%xmm0`) */
  float: boolean;
  /**
   * In the assembler's notation for the file's machine: `%edi`, `$5`, `-8(%rbp)`, `x0`, `[sp, 16]`,
   * `counter+4(%rip)`.
   */
  operand: string;
}

/**
 * Takes apart an SDT note's description of its arguments, as compilers write it:
 * `-4@%edi 8@-8(%rbp) 8f@%xmm0 4@[sp, 16]`. Arguments are separated by spaces; those inside of
 * brackets or after a comma belong to an operand. Nothing is an error: whatever stands there is
 * taken for an operand.
 */
export function parseOperands(text: string): SdtOperand[] {
  const operands: SdtOperand[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(text.charCodeAt(at))) at++;
    if (at >= text.length) return operands;
    const end = endOfOperand(text, at);
    operands.push(parseOperand(text.slice(at, end)));
    at = end;
  }
}

function endOfOperand(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (c === '(' || c === '[') depth++;
    else if ((c === ')' || c === ']') && depth > 0) depth--;
    else if (depth === 0 && isSpace(text.charCodeAt(at)) && text[at - 1] !== ',') return at;
  }
  return text.length;
}

/**
 * `SIZE@OPERAND`, `SIZEf@OPERAND`, or the operand alone, which may contain an `@` of its own
 * (`8@buffer@GOTPCREL(%rip)`).
 */
function parseOperand(text: string): SdtOperand {
  let at = text[0] === '-' ? 1 : 0;
  const digits = at;
  while (at < text.length && text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at++;
  const size = Number(text.slice(0, at));
  const float = text[at] === 'f';
  const sign = at + (float ? 1 : 0);
  if (at === digits || text[sign] !== '@') return { size: 0, float: false, operand: text };
  return { size, float, operand: text.slice(sign + 1) };
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
