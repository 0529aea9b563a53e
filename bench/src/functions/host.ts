// The process that is measured: starts each copy of an application, and says where it listens.
//   node --import @sonde/node/register host.js URL-OF-@sonde/node|- MODULE PARAMETER COPY…
const [sonde, module, parameter, ...copies] = process.argv.slice(2) as [string, string, string, ...string[]];
const ports: Record<string, number> = {};
for (const copy of copies) {
  const { start } = (await import(new URL(`${copy}/${module}`, import.meta.url).href)) as {
    start(parameter: string): Promise<number>;
  };
  ports[copy] = await start(parameter);
}
const functions =
  sonde === '-' ? undefined : ((await import(sonde)) as typeof import('@sonde/node')).status().functions;
console.log(JSON.stringify({ ports, functions: functions?.functions, reason: functions?.reason }));

export {};
