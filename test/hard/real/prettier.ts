// Prettier, on a file, and on one that it cannot read.
import { fetched, type Seen } from './seen.js';

const prettier = fetched('prettier');

export async function run(): Promise<Seen> {
  const formatted = await prettier.format(
    'const  a=[1,2 , {b:"c",async *d(){yield*[await 1]}}]\nexport default class extends a{}',
    { parser: 'babel' },
  );
  const error = await prettier
    .format('const = 1', { parser: 'babel' })
    .catch((error: Error) => [error.name, error.message]);
  const css = await prettier.format('a{color:red;b{c:d}}', { parser: 'css' });
  return { results: { formatted, error, css }, listeners: [] };
}
