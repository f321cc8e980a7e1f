/**
 * Texts shared by the isolates of one data centre, in the platform's cache.
 *
 * Addresses are derived from a signing key and end in `.invalid`, so no visitor can name one. A
 * cache that is missing or fails is no cache, nothing worse.
 */

import type { Runtime } from "./runtime";
import { derivedName } from "./signer";

/** After a failure the cache is left alone this long. */
const PAUSE_MS = 60_000;
const META = "waitroom-meta";

/** Something stored, and what was noted with it. */
export interface Stored {
  readonly meta: string;
  readonly body: Uint8Array;
}

/** Reads and writes the cache. */
export class Store {
  readonly #runtime: Runtime;
  readonly #secret: string;
  #host: string | undefined;
  #pausedUntilMs = 0;

  /** @param secret What addresses are derived from. */
  constructor(runtime: Runtime, secret: string) {
    this.#runtime = runtime;
    this.#secret = secret;
  }

  /** Return what was stored under a name; null if there is nothing. */
  async get(name: string): Promise<Stored | null> {
    return this.#try(async (cache, address) => {
      const found = await cache.match(address(name));
      const meta = found?.headers.get(META);
      if (found === undefined || !meta) return null;
      return { meta, body: new Uint8Array(await found.arrayBuffer()) };
    });
  }

  /** Store something for at most `maxAgeS` seconds. */
  async put(name: string, stored: Stored, maxAgeS: number): Promise<void> {
    await this.#try(async (cache, address) => {
      const headers = { "cache-control": `public, max-age=${maxAgeS}`, [META]: stored.meta };
      await cache.put(address(name), new Response(stored.body, { headers }));
      return null;
    });
  }

  async #try<T>(
    act: (
      cache: Pick<Cache, "match" | "put">,
      address: (name: string) => string,
    ) => Promise<T | null>,
  ): Promise<T | null> {
    if (this.#runtime.nowMs() < this.#pausedUntilMs) return null;
    try {
      const cache = this.#runtime.cache();
      if (cache === undefined) return null;
      const host = (this.#host ??= await derivedName(this.#secret, "waitroom.cache"));
      return await act(cache, (name) => `https://${host}.invalid/${encodeURIComponent(name)}`);
    } catch {
      this.#pausedUntilMs = this.#runtime.nowMs() + PAUSE_MS;
      return null;
    }
  }
}
