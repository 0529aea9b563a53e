// What probes need that costs something (subscriptions, callbacks, breakpoints) is there only
// while they are traced.
import type { Probe } from 'sonde';
import { log, watchProbes } from 'sonde/internal';

const debug = log('node');

/**
 * Calls `on` when the first of the probes is traced, and `off` when none is any more: at once, if
 * one is now, and later as soon as `watchProbes` tells. Neither is called twice in a row. What `on`
 * and `off` throw is told to the log, `DEBUG=sonde:node`, and nobody else.
 *
 * @param isTraced whether a probe counts as traced
 * @returns what ends this; `off` is called if `on` was the last.
 */
export function whileTraced<Traced extends Pick<Probe, 'enabled'>>(
  probes: readonly Traced[],
  on: () => void,
  off: () => void,
  isTraced = (probe: Traced) => probe.enabled,
): () => void {
  let isOn = false;
  let isOver = false;
  const turn = (toOn: boolean) => {
    if (toOn === isOn) return;
    isOn = toOn;
    try {
      if (toOn) on();
      else off();
    } catch (error) {
      debug('%s failed: %o', toOn ? 'switching on' : 'switching off', error);
    }
  };
  const look = () => {
    if (!isOver) turn(probes.some(isTraced));
  };
  const end = watchProbes(probes, look);
  // After the watch has begun: what comes in between, it tells.
  look();
  return () => {
    isOver = true;
    end();
    turn(false);
  };
}
