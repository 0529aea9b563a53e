// What each package exports, by name and type, as a text for each in test/public-names: a change to
// it is seen in review.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-with-api';

const packages = fileURLToPath(new URL('../../packages/', import.meta.url));
const expected = fileURLToPath(new URL('../public-names/', import.meta.url));
const UPDATE = 'UPDATE_PUBLIC_NAMES';

interface Entry {
  /** As programs import it. */
  specifier: string;
  declarations: string;
}

describe('The public names', function () {
  this.timeout(60_000);
  const names = readdirSync(packages);
  const entries = new Map(names.map((name) => [name, entriesOf(name)]));
  let program: ts.Program;

  before(() => {
    const files = [...entries.values()].flat().map(({ declarations }) => declarations);
    program = ts.createProgram(files, { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ESNext, noEmit: true });
  });

  for (const name of names) {
    it(`of packages/${name} are those of test/public-names/${name}.txt`, () => {
      const text = entries
        .get(name)!
        .map(({ specifier, declarations }) => `${specifier}\n\n${exported(program, declarations)}`)
        .join('\n');
      const file = join(expected, `${name}.txt`);
      if (process.env[UPDATE] === '1') writeFileSync(file, text);
      const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
      assert.equal(text, before, `if the change is meant: ${UPDATE}=1 npx mocha --grep 'The public names'`);
    });
  }
});

function entriesOf(name: string): Entry[] {
  const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
  return Object.entries<{ types?: string | { default: string }; default?: { types?: string } }>(
    manifest.exports ?? {},
  ).flatMap(([path, entry]) => {
    const given = entry.types ?? entry.default?.types;
    if (!given) return [];
    const types = typeof given === 'string' ? given : given.default;
    return [{ specifier: manifest.name + path.slice(1), declarations: join(packages, name, types) }];
  });
}

/**
 * The declarations of what a module exports, in the order of the names, without comments and
 * private members.
 */
function exported(program: ts.Program, file: string): string {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  assert.ok(source, `${file} is not there: npm run build`);
  const symbol = checker.getSymbolAtLocation(source);
  if (!symbol) return '  nothing\n';
  const printer = ts.createPrinter({ removeComments: true });
  return checker
    .getExportsOfModule(symbol)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((one) => {
      const target = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
      const texts = (target.declarations ?? []).map((declaration) => {
        const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
        return printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
      });
      const isRenamed = target.name !== one.name;
      return `${isRenamed ? `${one.name} is\n` : ''}${texts.join('\n')}`.replace(/^(?=.)/gm, '  ');
    })
    .join('\n')
    .concat('\n');
}
