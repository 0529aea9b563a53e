// Where a process has its inspector, by its options.

/** Where Node.js opens it unless it is told. */
const DEFAULT_PORT = 9229;

export interface InspectorAddress {
  /** As it was given. */
  host?: string;
  /** 0 stands for any. */
  port: number;
}

/** @param options of Node.js, of NODE_OPTIONS first: the last one counts */
export function inspectorAddress(options: readonly string[]): InspectorAddress {
  let found: InspectorAddress = { port: DEFAULT_PORT };
  options.forEach((option, index) => {
    const [, , equals] = /^--(inspect(?:-brk|-wait|-port)?|debug-port)(?:=(.*))?$/.exec(option) ?? [];
    const value = /^--(inspect|debug)-port$/.test(option) ? options[index + 1] : equals;
    if (value === undefined) return;
    const [, host, port] = /^(?:(.*?)(?::(?=\d+$)|$))?(\d+)?$/.exec(value.replace(/^(\d+)$/, ':$1')) ?? [];
    found = {
      ...(host ? { host: host.replace(/^\[(.*)\]$/, '$1') } : found.host !== undefined && { host: found.host }),
      port: port === undefined ? found.port : Number(port),
    };
  });
  return found;
}
