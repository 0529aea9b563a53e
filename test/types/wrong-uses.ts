// Each line with a comment must not compile, with this in the compiler's message.
import { boolean, bytes, int32, json, operation, provider, stack, string, uint64 } from 'sonde';

const smtp = provider('smtp', {
  sessionStart: [string('peer'), int32('port')],
  wide: [uint64('a'), json('b'), boolean('c'), bytes('d'), stack('e')],
  delivery: operation({ start: [string('recipient')], done: [uint64('bytes')] }),
  named: { name: 'its_name', arguments: [int32('a')] },
});

// As query builders make them: no promise, and not followed.
declare const query: PromiseLike<number[]>;

smtp.sessionStart.fire(); // error: Expected 2 arguments, but got 0.
smtp.sessionStart.fire('10.0.0.7'); // error: Expected 2 arguments, but got 1.
smtp.sessionStart.fire('10.0.0.7', 2525, 1); // error: Expected 2 arguments, but got 3.
smtp.sessionStart.fire(2525, '10.0.0.7'); // error: Argument of type 'number' is not assignable to parameter of type 'string'.
smtp.sessionStart.fire('10.0.0.7', '2525'); // error: Argument of type 'string' is not assignable to parameter of type 'number | bigint'.
smtp.sessionStart.fire(null, 2525); // error: Argument of type 'null' is not assignable to parameter of type 'string'.
smtp.sessionStart.fireWith(['10.0.0.7', 1]); // error: is not assignable to parameter of type '() => [string, number | bigint]'.
smtp.sessionStart.fireWith(() => ['10.0.0.7']); // error: Type '[string]' is not assignable to type '[string, number | bigint]'.
smtp.sessionStart.enabled = true; // error: Cannot assign to 'enabled' because it is a read-only property.
smtp.sessionStart.run([], () => 1); // error: Property 'run' does not exist on type 'Probe<[string, number | bigint]>'.
smtp.sessionEnd.fire(); // error: Property 'sessionEnd' does not exist
smtp.wide.fire(1, {}, 1, new Uint8Array(1)); // error: Argument of type 'number' is not assignable to parameter of type 'boolean'.
smtp.wide.fire(1, {}, true, [1]); // error: Type 'number[]' is missing the following properties from type 'Uint8Array
smtp.wide.fire(1, {}, true, new Uint8Array(1), 'a stack'); // error: Expected 4 arguments, but got 5.
smtp.named.fire('1'); // error: Argument of type 'string' is not assignable to parameter of type 'number | bigint'.
smtp.delivery.fire('a@example.org'); // error: Property 'fire' does not exist on type 'Operation<[string], [number | bigint]>'.
smtp.delivery.run('a@example.org', () => 1); // error: Argument of type 'string' is not assignable to parameter of type '[string]'.
smtp.delivery.run(['a', 'b'], () => 1); // error: Argument of type '[string, string]' is not assignable to parameter of type '[string]'.
smtp.delivery.run(['a'], () => 'x', (result) => [result]); // error: is not assignable to parameter of type '(result: string) => [number | bigint]'.
smtp.delivery.run(['a'], () => query, (rows: number[]) => [rows.length]); // error: '(rows: number[]) => [number]' is not assignable to parameter of type '(result: PromiseLike<number[]>) => [number | bigint]'.
smtp.delivery.start.fire(1, 'a'); // error: Property 'fire' does not exist
smtp.sessionStart = smtp.sessionStart; // error: Cannot assign to 'sessionStart' because it is a read-only property.
provider('smtp', { probe: ['peer'] }); // error: Type 'string' is not assignable to type 'Argument
provider('smtp', { probe: [int32] }); // error: Type '(name: string) => Argument<"int32">' is not assignable to type 'Argument
provider('smtp', { probe: { arguments: [] } }); // error: Type '{ arguments: never[]; }' is not assignable to type 'OperationSource
provider(7, { probe: [] }); // error: Argument of type 'number' is not assignable to parameter of type 'string'.
string(7); // error: Argument of type 'number' is not assignable to parameter of type 'string'.
string('s', { limits: 7 }); // error: 'limits' does not exist in type 'TextOptions'.
int32('i', { limit: 7 }); // error: Expected 1 arguments, but got 2.
operation({ begin: [] }); // error: 'begin' does not exist in type
provider('smtp', { probe: [] }, { modul: 'mail' }); // error: 'modul' does not exist in type 'ProviderOptions'.
provider('smtp', { probe: { name: 'probe', arguments: [], function: 7 } }); // error: function: number; }' is not assignable to type 'OperationSource
