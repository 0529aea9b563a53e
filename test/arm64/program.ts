// The program that is traced on an emulated arm64. It writes a command for gdb into the file that
// is its argument, to tell where its object lies, and stops for gdb to read it; fires every case,
// stops again, and tells what was enabled when.
import { readFileSync, writeFileSync } from 'node:fs';
import { type Probe, provider, status } from 'sonde';
import { cases, everyArgument } from '../fixtures/every-argument.js';

const every = provider('every', everyArgument);
const [object] = status().providers;

/** gdb stops at it, and keeps it from the program. */
const stop = () => process.kill(process.pid, 'SIGUSR2');
const enabled = () => Object.values(every).filter((probe) => (probe as Probe<unknown[]>)?.enabled).length;

const [start] = /^[0-9a-f]+(?=.* 0+ .*every-)/m.exec(readFileSync('/proc/self/maps', 'utf8'))!;
writeFileSync(process.argv[2]!, `add-symbol-file ${object!.location} -o 0x${start}\n`);
const before = enabled();
stop();
const traced = enabled();
for (const { probe, fired } of cases) (every[probe] as Probe<unknown[]>).fire(...fired);
stop();
const errors = object!.probes.filter((probe) => probe.errors > 0);
console.log(JSON.stringify({ before, traced, after: enabled(), errors }));
