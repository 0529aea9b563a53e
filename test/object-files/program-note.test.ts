// What objects tell sonde's own tools: from a definition, through a backend, into a file.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNotes, readProgramNote } from '@sonde/elf';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';

const PROGRAM = fileURLToPath(new URL('program-note-program.js', import.meta.url));

describe('.note.sonde', () => {
  if (process.platform !== 'linux') return;
  const scene = useScene();

  for (const backend of ['systemtap', 'ebpf']) {
    const noteOf = (provider: string) => {
      const name = readdirSync(scene.current.objects).find((each) => each.startsWith(`${provider}-`))!;
      const object = readFileSync(join(scene.current.objects, name));
      assert.equal(readNotes(object).length > 0, backend === 'systemtap');
      return readProgramNote(object);
    };

    it(`tells names, operations, and what is more than C says, on ${backend}`, () => {
      told(scene.current, [PROGRAM], { env: { SONDE_BACKEND: backend } });
      assert.deepEqual(noteOf('zed'), {
        provider: 'zed',
        probes: {
          delivery__start: { part: 'start' },
          delivery__done: { part: 'done', carries: { result: 'json' } },
          delivery__error: { part: 'error' },
          my__put: { key: 'my-put', carries: { data: 'bytes', frames: 'stack' } },
          mail_out__start: { key: 'sendMail', part: 'start' },
          mail_out__done: { key: 'sendMail', part: 'done' },
          mail_out__error: { key: 'sendMail', part: 'error' },
          other: { key: 'plain' },
        },
      });
      // Without SDT notes, nothing else has the provider's name.
      assert.deepEqual(noteOf('dull'), backend === 'systemtap' ? undefined : { provider: 'dull', probes: {} });
    });
  }
});
