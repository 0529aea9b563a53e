/**
 * A listener that never throws: it runs inside of the program's own calls. What may throw there is
 * a getter of the program's, or a message or an object of another shape than this version of
 * Node.js has; then there is nothing to fire.
 */
export function guarded<This, Args extends unknown[]>(
  listener: (this: This, ...args: Args) => void,
): (this: This, ...args: Args) => void {
  return function (this: This, ...args: Args) {
    try {
      listener.apply(this, args);
    } catch {}
  };
}
