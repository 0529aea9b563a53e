// Code in vm contexts, which have strings, arrays, errors and promises of their own. Tells what it
// and a tracer saw. Needs --experimental-vm-modules.
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { firstInstruction } from '@sonde/native';
import * as sonde from 'sonde';
import { record } from 'sonde/testing';
import { attachToStub } from '../conformance/selftrace.js';

const nop = process.arch === 'arm64' ? 4 : firstInstruction(release(), process.arch);
const [, , scene] = process.argv;

const scenes = {
  /** The program's own sonde, used by code of another realm. */
  async values() {
    const context = vm.createContext({ sonde });
    vm.runInContext(
      `const { provider, string, int32, bytes, json, uint64 } = sonde;
       var realm = provider('realm', {
         values: [string('s'), bytes('b'), json('j'), uint64('n')],
         written: [{ type: 'string', name: 'x', limit: 3 }],
         named: { name: 'other', arguments: [int32('i')] },
       });`,
      context,
    );
    const { location, probes } = sonde.status().providers[0]!;
    const tracer = attachToStub(location!, 'realm_values', nop, [
      { name: 's', type: 'string' },
      { name: 'b', type: 'pointer' },
      { name: 'b_length', type: 'uint64' },
      { name: 'j', type: 'string' },
      { name: 'n', type: 'uint64' },
    ]);
    vm.runInContext(
      `realm.values.fire('tex' + 't', Uint8Array.of(1, 2, 3), { a: [1, new Date(0)] }, 2n ** 63n);
       realm.values.fireWith(() => ['', new Uint8Array(new SharedArrayBuffer(2)), [], 1]);
       realm.values.fire(new String('boxed'), new Uint16Array(1), new Proxy({}, { get() { throw new Error('mine'); } }), '1');`,
      context,
    );
    const seen = tracer
      .take()
      .map((values) => values.map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value))));
    tracer.detach();
    const [{ errors }] = sonde.status().providers[0]!.probes as [sonde.ProbeStatus];
    return { names: probes.map(({ name }) => name), seen, errors };
  },

  /** Errors and promises that came from another realm, or go to it. */
  async outcomes() {
    const context = vm.createContext({ sonde });
    const recorder = record();
    const reported = new Promise<Error>((resolve) => process.once('unhandledRejection', resolve));
    const told = vm.runInContext(
      `const { provider, operation } = sonde;
       const realm = provider('realm', { job: operation() });
       let thrown, wrong;
       try { realm.job.run([], () => { throw new RangeError('thrown'); }); } catch (error) { thrown = error instanceof RangeError; }
       try { provider('ends_in_1', {}); } catch (error) { wrong = error.code; }
       const done = realm.job.run([], async () => 1);
       // Nobody handles this one.
       realm.job.run([], async () => { throw new Error('forgotten'); });
       ({ thrown, wrong, isPromise: done instanceof Promise, done });`,
      context,
    );
    const [result, { message }] = await Promise.all([told.done, reported]);
    recorder.stop();
    const fired = recorder.fired
      .filter(({ probe }) => probe !== 'job__start')
      .map(({ probe, values }) => [probe, values.message ?? null]);
    return { ...told, done: result, reported: message, fired };
  },

  /** sonde itself, loaded in another realm: what jest does for each file of tests. */
  async loaded() {
    const main = sonde.provider('main', { probe: [sonde.string('s')] });
    // For Node.js's own loader, it is CommonJS, which no module of another realm can import.
    const source = fileURLToPath(new URL('index.js', import.meta.resolve('sonde')));
    const context = vm.createContext({ process, URL, TextDecoder, TextEncoder, Buffer });
    const linked = async (name: string): Promise<vm.Module> => {
      const file = name === 'sonde' ? source : name.startsWith('./') && join(dirname(source), name);
      if (file) {
        return new vm.SourceTextModule(readFileSync(file, 'utf8'), {
          context,
          identifier: file,
          initializeImportMeta: (meta) => {
            meta.url = pathToFileURL(file).href;
          },
        });
      }
      const exported = await import(name);
      const names = Object.keys(exported);
      return new vm.SyntheticModule(
        names,
        function () {
          for (const each of names) this.setExport(each, exported[each]);
        },
        { context },
      );
    };
    const module = new vm.SourceTextModule(
      `import { provider, string, bytes, status } from 'sonde';
       const inside = provider('main', { probe: [string('s')] });
       export const fire = () => inside.probe.fire('from inside');
       export { status };`,
      { context },
    );
    await module.link(linked);
    await module.evaluate();
    const { fire, status } = module.namespace as { fire(): void; status(): sonde.Status };
    const [own] = sonde.status().providers as [sonde.ProviderStatus];
    const tracer = attachToStub(own.location!, 'main_probe', nop, [{ name: 's', type: 'string' }]);
    main.probe.fire('from outside');
    fire();
    const seen = tracer.take().map(([text]) => String(text));
    tracer.detach();
    const { backend, reason, providers } = status();
    return {
      seen,
      backend,
      reason,
      sameObject: providers[0]!.location === own.location,
      knownHere: sonde.status().providers.length,
    };
  },
};

const told = await scenes[scene as keyof typeof scenes]();
await setImmediate();
console.log(JSON.stringify(told));
