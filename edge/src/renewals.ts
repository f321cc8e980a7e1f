/**
 * Passes that are to live longer: asked for in batches, away from any visitor's request.
 *
 * The service has the last word, because a seat extended by the edge alone could be a seat too
 * many. Until its answer is there the old pass counts; afterwards whoever shows the old pass is
 * taken to hold the new one, and gets its cookie with that answer.
 */

/** Most passes in one call to the service. */
export const BATCH_MAX = 500;
/** Most passes remembered; above that, renewal waits until some have run out. */
export const REMEMBERED_MAX = 100_000;
/** How often all that is remembered is looked through. */
export const FORGET_MS = 30_000;

/** A pass that is to live longer. */
export interface Wanted {
  readonly room: string;
  readonly token: string;
}

/** The passes of one isolate on their way to a longer life. */
export class Renewals {
  /** Pass -> when it can be forgotten, ms. One pass is asked for once. */
  readonly #asked = new Map<string, number>();
  readonly #renewed = new Map<string, string>();
  #queue: Wanted[] = [];
  #forgotMs = Number.NEGATIVE_INFINITY;
  /** What was sent and not answered yet: the platform may cut off who waits for the answer. */
  #sent: readonly Wanted[] = [];

  /** Old pass -> the pass that has taken its place. */
  get renewed(): ReadonlyMap<string, string> {
    return this.#renewed;
  }

  /** True while something waits to be sent. */
  get waiting(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * Note that a pass is to be renewed; asking again for the same one does nothing.
   * @param forgetMs From when on nobody can have a use for the answer, ms since the epoch.
   */
  ask(room: string, token: string, forgetMs: number): void {
    if (this.#asked.has(token) || this.#asked.size >= REMEMBERED_MAX) return;
    this.#asked.set(token, forgetMs);
    this.#queue.push({ room, token });
  }

  /** Take the next batch, oldest first. */
  take(): readonly Wanted[] {
    this.#sent = this.#queue.splice(0, BATCH_MAX);
    return this.#sent;
  }

  /** Put what was sent back to the front: nothing is known of its outcome. */
  putBack(): void {
    this.#queue = [...this.#sent, ...this.#queue];
    this.#sent = [];
  }

  /** Give up what was sent: asking again is of no use. */
  drop(): void {
    this.#sent = [];
  }

  /** Note the service's answer: the new pass of each, or null where the seat is gone. */
  settle(batch: readonly Wanted[], passes: readonly (string | null)[]): void {
    this.#sent = [];
    batch.forEach(({ token }, at) => {
      const pass = passes[at];
      if (pass === token) {
        // Brought back after a loss, not extended: it has to be asked for again.
        this.#asked.delete(token);
      } else if (pass != null) {
        this.#renewed.set(token, pass);
      }
    });
  }

  /** Drop what has run out, once in a while: rooms differ, so what came first may run out last. */
  forget(nowMs: number): void {
    if (Math.abs(nowMs - this.#forgotMs) < FORGET_MS) return;
    this.#forgotMs = nowMs;
    for (const [token, atMs] of this.#asked) {
      if (atMs > nowMs) continue;
      this.#asked.delete(token);
      this.#renewed.delete(token);
    }
    this.#queue = this.#queue.filter(({ token }) => this.#asked.has(token));
  }
}
