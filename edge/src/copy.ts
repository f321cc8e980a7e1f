/** The rooms' document as isolates of one data centre share it. */

import * as v from "valibot";

import { readJson } from "./json";
import type { Store } from "./store";

/** How long isolates that start while the service is away find a copy, seconds. */
const COPY_S = 86_400;
const NAME = "rooms";

const stampSchema = v.object({ heardMs: v.number(), etag: v.string() });

/** The document, and when the service told it. */
export interface RoomsCopy {
  readonly text: string;
  readonly etag: string;
  readonly heardMs: number;
}

/** Return the copy of this data centre; null if there is none. */
export async function loadCopy(store: Store, nowMs: number): Promise<RoomsCopy | null> {
  const found = await store.get(NAME);
  if (found === null) return null;
  const stamp = readJson(stampSchema, found.meta);
  if (stamp === null) return null;
  const { etag, heardMs } = stamp;
  // Another host's clock may be ahead; nothing was heard later than now.
  return { text: new TextDecoder().decode(found.body), etag, heardMs: Math.min(heardMs, nowMs) };
}

/** Leave a copy for isolates that start later. */
export async function saveCopy(store: Store, copy: RoomsCopy): Promise<void> {
  const meta = JSON.stringify({ heardMs: copy.heardMs, etag: copy.etag });
  await store.put(NAME, { meta, body: new TextEncoder().encode(copy.text) }, COPY_S);
}
