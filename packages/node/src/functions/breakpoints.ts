// V8's debugger in this thread, by the inspector in the process itself: no port is opened. Nothing
// ever pauses. A breakpoint has a condition, an expression that V8 evaluates where it is, and which
// calls ours and is false; and this session takes no pauses, of others either.
import type { Debugger, Session } from 'node:inspector';
import { messageOf } from 'sonde/internal';
import { ownSession } from '../runtime/inspector.js';
import type { FoundFunction } from './found.js';
import type { Place } from './places.js';

/** A source that V8 compiled. */
export interface Script {
  id: string;
  /** Empty where it has none. */
  url: string;
  isModule: boolean | undefined;
  /** Where in its file the source begins, from 0. */
  startLine: number;
  startColumn: number;
  /** The URL that it names as its source map. */
  sourceMap?: string;
}

/** What conditions call. Not enumerable, and there only while there are breakpoints. */
const CALLED = '__sonde_live';

/** V8 compiles a condition anew each time, and says so each time. */
const OURS = 'sonde:live';

export class Breakpoints {
  private readonly session: Session;
  private readonly disconnect: () => void;
  /** In which conditions can call what they are to. */
  private context: number | undefined;
  /** A function that does nothing, in that context, and its script. */
  readonly canary: { call(): void; script: Script };

  /**
   * @param passed called with the number of a breakpoint, each time that V8 passes it. It must not
   * throw.
   * @param compiled called with each script that there is, before this returns, and then with each
   * that comes
   * @throws when V8's debugger cannot be had
   */
  constructor(passed: (number: number) => void, compiled: (script: Script) => void) {
    const { session, end } = ownSession();
    this.session = session;
    this.disconnect = end;
    const early: Debugger.ScriptParsedEventDataType[] = [];
    session.on('Debugger.scriptParsed', ({ params }) => {
      if (params.url === OURS) return;
      if (this.context === undefined) early.push(params);
      else this.compiled(params, compiled);
    });
    try {
      Object.defineProperty(globalThis, CALLED, { value: passed, configurable: true });
      // V8 would else keep the sources of scripts that are gone.
      this.post('Debugger.enable', { maxScriptsCacheSize: 1 });
      this.post('Debugger.setSkipAllPauses', { skip: true });
      const call = compileCanary();
      // The last: those of an earlier time may be there still.
      const params = early.findLast(({ url }) => url === CANARY)!;
      this.context = params.executionContextId;
      this.canary = { call, script: scriptOf(params) };
    } catch (error) {
      this.end();
      throw error;
    }
    for (const params of early) this.compiled(params, compiled);
  }

  /** A program's contexts of its own (node:vm) have other globals: conditions there call nothing. */
  private compiled(params: Debugger.ScriptParsedEventDataType, compiled: (script: Script) => void): void {
    if (params.executionContextId === this.context) compiled(scriptOf(params));
  }

  /** Undefined where V8 has thrown it away. */
  sourceOf({ id: scriptId }: Script): string | undefined {
    try {
      return this.post('Debugger.getScriptSource', { scriptId }).scriptSource;
    } catch {
      return undefined;
    }
  }

  /** V8's places in a function, by their order in the source. */
  placesIn(script: Script, { from, end }: Pick<FoundFunction, 'from' | 'end'>): Place[] {
    const { locations } = this.post('Debugger.getPossibleBreakpoints', {
      start: locationOf(script, from),
      // The return of an arrow without braces is where it ends.
      end: locationOf(script, { line: end.line, column: end.column + 1 }),
      restrictToFunction: true,
    });
    return locations.map(({ lineNumber, columnNumber = 0, type }) => ({
      line: lineNumber - script.startLine + 1,
      column: columnNumber - (lineNumber === script.startLine ? script.startColumn : 0),
      isReturn: type === 'return',
    }));
  }

  /**
   * @returns its id
   * @throws when it cannot be exactly there
   */
  set(script: Script, place: Place, number: number): string {
    const location = locationOf(script, place);
    const condition = `${CALLED}(${number}),false\n//# sourceURL=${OURS}`;
    const { breakpointId, actualLocation } = this.post('Debugger.setBreakpoint', { location, condition });
    if (actualLocation.lineNumber === location.lineNumber && actualLocation.columnNumber === location.columnNumber) {
      return breakpointId;
    }
    this.remove(breakpointId);
    throw new Error(`V8 has no place at line ${place.line}, column ${place.column}`);
  }

  /** May be called where V8 evaluates a condition, too. */
  remove(breakpointId: string): void {
    this.post('Debugger.removeBreakpoint', { breakpointId });
  }

  /** Removes all of them. Never throws. */
  end(): void {
    try {
      this.post('Debugger.disable', {});
    } catch {
      // It goes with the session.
    }
    this.disconnect();
    Reflect.deleteProperty(globalThis, CALLED);
  }

  /** In one thread, the inspector answers before it returns. */
  private post<Method extends keyof Answers>(method: Method, parameters: object): Answers[Method] {
    let answer: Answers[Method] | undefined;
    let failed: unknown;
    this.session.post(method, parameters, (error: unknown, result: unknown) => {
      failed = error;
      answer = result as Answers[Method];
    });
    if (failed) throw new Error(`${method}: ${messageOf(failed)}`);
    return answer!;
  }
}

interface Answers {
  'Debugger.enable': object;
  'Debugger.disable': object;
  'Debugger.setSkipAllPauses': object;
  'Debugger.getScriptSource': { scriptSource: string };
  'Debugger.getPossibleBreakpoints': { locations: Debugger.BreakLocation[] };
  'Debugger.setBreakpoint': { breakpointId: string; actualLocation: Debugger.Location };
  'Debugger.removeBreakpoint': object;
}

function locationOf({ id, startLine, startColumn }: Script, { line, column }: { line: number; column: number }) {
  return {
    scriptId: id,
    lineNumber: line - 1 + startLine,
    columnNumber: column + (line === 1 ? startColumn : 0),
  };
}

const scriptOf = ({
  scriptId: id,
  url,
  isModule,
  startLine,
  startColumn,
  sourceMapURL,
}: Debugger.ScriptParsedEventDataType): Script => ({
  ...{ id, url, isModule, startLine, startColumn },
  ...(sourceMapURL && { sourceMap: sourceMapURL }),
});

const CANARY = 'sonde:canary';

export const CANARY_SOURCE = '(function canary(value) { value; return })';

function compileCanary(): () => void {
  const { Script } = process.getBuiltinModule('node:vm');
  return new Script(CANARY_SOURCE, { filename: CANARY }).runInThisContext() as () => void;
}
