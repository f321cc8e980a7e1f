/**
 * Whether the service is there. After a failure nobody waits for a time-out again: it counts as
 * away until a probe in the background succeeds.
 */

import { type ServiceError, UnreachableError } from "./calls";

/**
 * A service that fails again this soon was never back; else a room's `open_limit_s` would start
 * anew at each flicker.
 */
const RELAPSE_MS = 10_000;

/** Remembers since when the service is away. */
export class Breaker {
  /** Null while the service answers. */
  awaySinceMs: number | null = null;
  /** False while connections fail; pages of the service are not worth a try then. */
  reachable = true;
  #last: { sinceMs: number; untilMs: number } | null = null;

  /** Note that the service gave no usable answer. */
  failed(error: ServiceError, nowMs: number): void {
    if (error instanceof UnreachableError) this.reachable = false;
    if (this.awaySinceMs !== null) return;
    const last = this.#last;
    const relapse = last !== null && nowMs - last.untilMs < RELAPSE_MS;
    this.awaySinceMs = relapse ? last.sinceMs : nowMs;
    console.warn(`the waiting room is away: ${error.message}`);
  }

  /** Note that it answered as it should. */
  worked(nowMs: number): void {
    this.reachable = true;
    if (this.awaySinceMs === null) return;
    this.#last = { sinceMs: this.awaySinceMs, untilMs: nowMs };
    this.awaySinceMs = null;
    console.warn("the waiting room is back");
  }
}
