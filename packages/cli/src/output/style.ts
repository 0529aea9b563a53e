import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colours a text where somebody looks at a terminal that has colours (NO_COLOR, FORCE_COLOR). */
export function style(format: Style, text: string): string {
  return hasColours ? styleText(format, text, { validateStream: false }) : text;
}

const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
const hasColours = FORCE_COLOR ? FORCE_COLOR !== '0' : process.stdout.isTTY === true && !NO_COLOR && TERM !== 'dumb';
