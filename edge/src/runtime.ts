/** What the platform gives: network, clock and timers; tests put their own in its place. */

/** The platform, as far as the edge needs it. */
export interface Runtime {
  fetch(address: string | Request, init?: RequestInit): Promise<Response>;
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** The cache shared by isolates of one data centre; it may be missing, and it may throw. */
  cache(): Pick<Cache, "match" | "put"> | undefined;
}

/** What a request can leave behind to be finished after its answer. */
export type Waiting = Pick<ExecutionContext, "waitUntil">;

/** The real one. */
export const platform: Runtime = {
  fetch: (address, init) => fetch(address, init),
  nowMs: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  cache: () => (typeof caches === "undefined" ? undefined : caches.default),
};

/** How often a request looks whether another one has done what both need. */
const LOOK_MS = 10;

/**
 * Wait until something holds, at most for a time. Requests must not await each other's promises,
 * so they look.
 * @returns Whether it held in time.
 */
export async function until(
  runtime: Runtime,
  limitMs: number,
  holds: () => boolean,
): Promise<boolean> {
  const endMs = runtime.nowMs() + limitMs;
  while (!holds()) {
    if (runtime.nowMs() >= endMs) return false;
    await runtime.sleep(LOOK_MS);
  }
  return true;
}
