// What the kernel makes of each nop that a stub may begin with, read where it is done:
// packages/native/src/first-instruction.ts chooses by it.
import assert from 'node:assert/strict';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { int32, string } from '@sonde/core';
import type { ProviderDefinition } from '@sonde/core/internal';
import { firstInstruction, loadProbeObject } from '@sonde/native';
import { useScene } from '../../support/scene.js';
import { stubOffset } from '../../support/stub.js';
import { needsRoot, needsTools } from '../../support/tools.js';
import { addEvent, TraceInstance } from '../../support/uprobe-events.js';

const OWN = `sonde_test_${process.pid}`;
const INT3 = 0xcc;
/** In each register and beyond them. */
const NUMBERS = Array.from({ length: 11 }, (_, index) => `n${index}`);
const PLACES = [
  '%si',
  '%dx',
  '%cx',
  '%r8',
  '%r9',
  ...Array.from({ length: 6 }, (_, index) => `+${8 * (index + 1)}(%sp)`),
];

describe(`the first instruction, on ${release()}`, () => {
  const scene = useScene();
  const chosen = firstInstruction(release(), 'x64');

  before(function () {
    needsTools(this, 'readelf');
    needsRoot(this);
  });

  for (const nop of [1, 5, 10] as const) {
    const isTrap = nop === 1 || nop !== chosen;
    it(`of ${nop} ${nop > 1 ? 'bytes' : 'byte'} ${isTrap ? 'stays a trap' : 'becomes a call'}, and the values are right`, async () => {
      process.env.SONDE_DIR = join(scene.current.folder, 'objects');
      const definition: ProviderDefinition = {
        name: `nop_${nop}_`,
        probes: [
          {
            name: 'probe',
            arguments: [string('text'), ...NUMBERS.map((name) => int32(name))],
            native: [{ name: 'text', type: 'string' }, ...NUMBERS.map((name) => ({ name, type: 'int32' as const }))],
          },
        ],
      };
      const { code, location, probes } = loadProbeObject(
        definition,
        { architecture: 'x64', nop },
        { notes: true, extension: 'so', tracer: () => '' },
      );
      const [{ offset, untraced, fire }] = probes as [(typeof probes)[0]];
      const place = await stubOffset(location!, definition.name, 'probe');
      const fields = PLACES.map((at, index) => `${NUMBERS[index]}=${at}:s32`);
      addEvent(
        scene.current,
        OWN,
        `nop${nop}`,
        `${location}:0x${place.toString(16)} text=+0(%di):ustring ${fields.join(' ')}`,
      );
      const instance = new TraceInstance(scene.current, OWN);
      assert.equal(code[offset], untraced);

      instance.enable(OWN, `nop${nop}`, true);
      assert.equal(code[offset], INT3);
      for (let i = 0; i < 100; i++) fire(`text ${i}`, ...NUMBERS.map((_, index) => (index - 5) * i));
      assert.equal(code[offset] === INT3, isTrap);
      instance.enable(OWN, `nop${nop}`, false);
      // The instance is gone before the event is.
      const seen = instance.read().map((line) => line.replace(/.*?\) /, ''));
      for (let waited = 0; code[offset] !== untraced && waited < 100; waited++) await setTimeout(20);

      const wanted = Array.from(
        { length: 100 },
        (_, i) => `text="text ${i}" ${NUMBERS.map((name, index) => `${name}=${(index - 5) * i || 0}`).join(' ')}`,
      );
      assert.deepEqual(seen, wanted);
      assert.equal(code[offset], untraced);
      fire('nobody looks', 1);
    });
  }
});
