// @ts-check
/**
 * Alarms that ring on time in hidden pages too, and pauses that spread visitors out. The alarms
 * run in the worker of `heartbeat.js`, or as ordinary timers where there are no workers.
 */

/** @typedef {ReturnType<typeof makeClock>} Clock */

/** Under the shortest `heartbeat_ttl_s` and the usual `recovery_hold_s`, 30 s both: whoever only
 * waits for the next attempt is neither passed by nor missed when the places are collected. */
const LONGEST_PAUSE_MS = 20_000;
/** Whoever has never had a position can wait this long before connecting: those ahead come first. */
const LONGEST_SPREAD_MS = 30_000;
/** Newcomers connect at most so many a second, as long as that keeps nobody waiting too long. */
const PEOPLE_PER_S = 1_000;

/** @param {number} ms @returns {number} The same or up to 30 % more, never less. */
export const jitter = (ms) => ms * (1 + Math.random() * 0.3);

/**
 * The pause before the next attempt: longer each time, and different for everybody.
 * @param {number} failures In a row.
 * @returns {number} ms.
 */
export const growing = (failures) =>
  Math.min(LONGEST_PAUSE_MS, 2_000 * 1.6 ** (failures - 1)) * (0.5 + Math.random() / 2);

/**
 * The pause before a newcomer connects: none worth mentioning for a short line.
 * @param {number} people In the line.
 * @param {number} [longestMs] At most; it can only shorten the pause.
 * @returns {number} ms.
 */
export const spread = (people, longestMs = Infinity) =>
  Math.random() * Math.min(longestMs, LONGEST_SPREAD_MS, (people / PEOPLE_PER_S) * 1_000);

/** @param {string} url Of `heartbeat.js`. */
export function makeClock(url) {
  /** @type {Map<number, {ring: () => void, atMs: number}>} */
  const alarms = new Map();
  let last = 0;
  /** @type {Worker|null} */
  let worker = null;

  /** @param {number} id */
  function due(id) {
    const alarm = alarms.get(id);
    alarms.delete(id);
    alarm?.ring();
  }

  try {
    worker = new Worker(url);
    worker.onmessage = ({ data }) => due(data);
    worker.onerror = () => {
      worker = null;
      for (const [id, { atMs }] of alarms) setTimeout(due, atMs - Date.now(), id);
    };
  } catch {
    worker = null;
  }

  return {
    /**
     * @param {() => unknown} ring
     * @param {number} afterMs
     * @returns {number} Its name, for `clear`; never 0.
     */
    set(ring, afterMs) {
      const id = ++last;
      alarms.set(id, { ring, atMs: Date.now() + afterMs });
      if (worker) worker.postMessage({ id, afterMs });
      else setTimeout(due, afterMs, id);
      return id;
    },
    /** @param {number} id */
    clear(id) {
      alarms.delete(id);
    },
  };
}
