/** The splash page at the visitor's own address, for rooms with `delivery` `inline`. */

import { ServiceError } from "./calls";
import type { Splash } from "./decide";
import type { KeptAnswer } from "./keeping";
import { type Kept, splashPage } from "./kept";
import type { EdgeRoom } from "./rooms";
import type { Waiting } from "./runtime";

const RETURNED = new Set([
  "content-type",
  "content-language",
  "content-security-policy",
  "referrer-policy",
]);

/** Return the splash page for one visitor; null if the service did not give it in time. */
export async function inlineReply(
  kept: Kept,
  splash: Splash,
  room: EdgeRoom,
  language: string,
  waiting: Waiting,
): Promise<Response | null> {
  const found = await page(kept, room, language, waiting);
  if (found === null) return null;
  // Without JavaScript the page leads to its personal form, which has its own address.
  const personal = `${splash.location.replaceAll("&", "&amp;")}&amp;nojs=1`;
  // The page takes the room from its address, which is not its own here; nor is its query.
  const unsent = splash.location.endsWith("&unsent=1") ? "data-unsent " : "";
  const body = new TextDecoder()
    .decode(found.body)
    .replaceAll("?nojs=1", () => personal)
    .replace("<html ", `<html data-room="${room.name}" ${unsent}`);
  const headers = new Headers(found.headers.filter(([name = ""]) => RETURNED.has(name)));
  headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  return new Response(body, { status: room.queueingStatusCode, headers });
}

async function page(
  kept: Kept,
  room: EdgeRoom,
  language: string,
  waiting: Waiting,
): Promise<KeptAnswer | null> {
  try {
    const wanted = splashPage(room, language);
    const found = await kept.get(wanted, waiting);
    const type = found?.headers.find(([name]) => name === "content-type")?.[1];
    const good = found !== null && wanted.statuses.includes(found.status);
    return good && type?.startsWith("text/html") ? found : null;
  } catch (error) {
    if (error instanceof ServiceError) return null;
    throw error;
  }
}
