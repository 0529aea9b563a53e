import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cTypes, type NativeType } from './definition.js';
import { type Prototype, readPrototypes } from './read-prototypes.js';
import { temporaryDirectory, tool } from './test-tools.js';
import { writeProbeObject } from './write.js';

const PROGRAM = `
#include <stdbool.h>
#include <stdint.h>
typedef struct { int x; } point;
typedef const char *text;
struct node { struct node *next; };
enum color { red };
int first(const char *a, struct node *b, uint64_t c, bool d, enum color e, double f, point *g, char *const *h,
    void (*i)(int), const void *j, unsigned char k, text l, float m, volatile int8_t *n) { return a != 0; }
static int second(void) { return 2; }
int third(void (**a)(int), int (*b)[3], char *volatile c, union { int x; } *d, char *(*e)(void), const text *f,
    long double g, int *restrict h) { return 3; }
int main(int argc, char **argv) { return first(0,0,0,0,0,0,0,0,0,0,0,0,0,0) + second() + third(0,0,0,0,0,0,0,0) + argc; }
`;

const FIRST = [
  'const char *a:text:8',
  'struct node *b:pointer:8',
  'uint64_t c:unsigned:8',
  'bool d:boolean:1',
  'enum color e:unsigned:4',
  'double f:float:8',
  'point *g:pointer:8',
  'char *const *h:pointer:8',
  'void (*)() i:pointer:8',
  'const void *j:pointer:8',
  'unsigned char k:unsigned:1',
  'text l:text:8',
  'float m:float:4',
  'volatile int8_t *n:pointer:8',
];

const THIRD = [
  'void (**)() a:pointer:8',
  'int (*)[] b:pointer:8',
  'char *volatile c:text:8',
  'union ? *d:pointer:8',
  'char *(*)() e:pointer:8',
  'const text *f:pointer:8',
  'long double g:float:16',
  'int *restrict h:pointer:8',
];

describe('readPrototypes', () => {
  const folder = temporaryDirectory();

  it('reads what the writer wrote, of every type', () => {
    for (const architecture of ['x64', 'arm64'] as const) {
      const types = Object.keys(cTypes) as NativeType[];
      const probes = [
        { name: 'every', symbol: 'p_every', arguments: types.map((type, i) => ({ name: `a${i}`, type })) },
        { name: 'none', symbol: 'p_none', arguments: [] },
        { name: 'again', symbol: 'p_again', arguments: [{ name: 'text', type: 'string' as const }] },
      ];
      const { bytes, text } = writeProbeObject({ provider: 'p', architecture, nop: 1, notes: true, probes });
      const read = readPrototypes(bytes);
      assert.deepEqual(
        [...read.values()].map(({ name, parameters }) => [name, parameters.length]),
        [
          ['p_every', types.length],
          ['p_none', 0],
          ['p_again', 1],
        ],
      );
      assert.deepEqual(parametersOf(read.get(BigInt(text.address))), [
        'int8_t a0:signed:1',
        'int16_t a1:signed:2',
        'int32_t a2:signed:4',
        'int64_t a3:signed:8',
        'uint8_t a4:unsigned:1',
        'uint16_t a5:unsigned:2',
        'uint32_t a6:unsigned:4',
        'uint64_t a7:unsigned:8',
        'bool a8:boolean:1',
        'const char *a9:text:8',
        'const void *a10:pointer:8',
      ]);
    }
  });

  for (const compiler of ['gcc', 'clang']) {
    for (const version of [4, 5]) {
      it(`reads DWARF ${version} of ${compiler}`, function () {
        const path = tool.call(this, compiler);
        const [source, program] = ['p.c', `p-${compiler}-${version}`].map((name) => join(folder.path, name)) as [
          string,
          string,
        ];
        writeFileSync(source, PROGRAM);
        execFileSync(path, ['-g', `-gdwarf-${version}`, '-O0', '-o', program, source]);
        const file = readFileSync(program);
        const all = [...readPrototypes(file).values()];
        const first = all.find(({ name }) => name === 'first')!;
        // Compilers call it as C or C++ does.
        assert.deepEqual(
          parametersOf(first)?.map((text) => text.replace('_Bool', 'bool')),
          FIRST,
        );
        assert.deepEqual(parametersOf(all.find(({ name }) => name === 'third')), THIRD);
        assert.deepEqual(all.find(({ name }) => name === 'second')?.parameters, []);
        assert.deepEqual(parametersOf(all.find(({ name }) => name === 'main')), [
          'int argc:signed:4',
          'char **argv:pointer:8',
        ]);
        const wanted = readPrototypes(file, new Set([first.address, 1n]));
        assert.deepEqual([...wanted.values()], [first]);
      });
    }
  }

  it('reads nothing where there is no DWARF', () => {
    assert.equal(readPrototypes(readFileSync('/bin/sh')).size, 0);
  });
});

function parametersOf(prototype: Prototype | undefined): string[] | undefined {
  return prototype?.parameters.map(
    ({ type, name, kind, size }) => `${type}${type.endsWith('*') ? '' : ' '}${name}:${kind}:${size}`,
  );
}
