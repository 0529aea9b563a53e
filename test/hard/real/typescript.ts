// The TypeScript compiler, on a file with errors.
import { fetched, type Seen, type Untyped } from './seen.js';

const ts = fetched('typescript');
const SOURCE = `
export interface Shape { readonly kind: 'circle' | 'square'; size: number }
export const area = (shape: Shape): number => shape.kind === 'circle' ? Math.PI * shape.size ** 2 : shape.size ** 2;
export class Box<T> { constructor(private value: T) {} get(): T { return this.value } }
const wrong: string = area({ kind: 'triangle', size: '1' });
export const boxed = new Box(1).get().length;
`;

export async function run(): Promise<Seen> {
  const host = ts.createCompilerHost({});
  const { getSourceFile } = host;
  host.getSourceFile = (name: string, ...rest: unknown[]) =>
    name === 'shapes.ts'
      ? ts.createSourceFile(name, SOURCE, ts.ScriptTarget.ES2022, true)
      : getSourceFile.call(host, name, ...rest);
  const written: Record<string, string> = {};
  host.writeFile = (name: string, text: string) => {
    written[name] = text;
  };
  const options = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.CommonJS,
    strict: true,
    lib: ['lib.es5.d.ts'],
    types: [],
    declaration: true,
  };
  const program = ts.createProgram(['shapes.ts'], options, host);
  const diagnostics = ts
    .getPreEmitDiagnostics(program)
    .map(({ code, start, messageText }: Untyped) => [code, start, ts.flattenDiagnosticMessageText(messageText, '\n')]);
  program.emit();
  return { results: { diagnostics, written }, listeners: [] };
}
