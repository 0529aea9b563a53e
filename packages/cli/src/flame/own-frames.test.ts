import assert from 'node:assert/strict';
import { withoutOwn } from './own-frames.js';
import type { Frame, FrameKind } from './stacks.js';

const STUB = frame('smtp_put', 'native', `/tmp/sonde-0/smtp-${'0'.repeat(40)}.so`);
const GLUE = [
  frame('Builtins_CEntry', 'builtin', '/usr/bin/node'),
  frame('v8::internal::Call', 'native', '/usr/bin/node'),
];

describe("sonde's own frames", () => {
  it('are taken from the end of a stack, with what lies between them', () => {
    const program = [frame('uv_run', 'native', '/usr/bin/node'), frame('write /app/server.ts:131', 'javascript')];
    for (const own of [
      'fire /app/node_modules/sonde/lib/index.cjs:186',
      'fire /app/node_modules/core/src/probe.ts:186',
      'fire /app/node_modules/.pnpm/sonde@1/node_modules/core/src/probe.ts:186',
      '<anonymous> /app/node_modules/@sonde/native/src/fire.ts:121',
      'fire /home/me/sonde/packages/core/src/probe.ts:186',
    ]) {
      const frames = [...program, frame(own, 'javascript'), ...GLUE, STUB];
      assert.deepEqual(withoutOwn(frames), program, own);
    }
  });

  it('are taken from its middle, where an operation runs a function', () => {
    const [outer, inner] = ['serve /app/server.ts:7', 'write /app/packages/mail/src/core.ts:131'].map((name) =>
      frame(name, 'javascript'),
    );
    const run = frame('run /app/node_modules/sonde/lib/index.cjs:139', 'javascript');
    assert.deepEqual(withoutOwn([outer!, run, inner!, ...GLUE, STUB]), [outer, inner, ...GLUE]);
  });

  it('stay where no probe fired', () => {
    const frames = [
      frame('run /app/node_modules/sonde/lib/index.cjs:139', 'javascript'),
      frame('write /app/packages/mail/src/core.ts:131', 'javascript'),
    ];
    assert.deepEqual(withoutOwn(frames), frames);
    assert.deepEqual(withoutOwn([frames[0]!]), [frames[0]]);
  });

  it('are the rest of what nobody called', () => {
    assert.deepEqual(withoutOwn([STUB]), []);
    assert.deepEqual(withoutOwn([]), []);
  });
});

function frame(name: string, kind: FrameKind, object?: string): Frame {
  return { name, kind, ...(object !== undefined && { object }) };
}
