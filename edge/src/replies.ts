/**
 * What the gate answers by itself.
 *
 * Nothing here may be stored by a cache: each answer is meant for one visitor at one moment.
 */

import style from "./away.css";
import awayPage from "./away.html";
import type { Hold, Refuse, Splash } from "./decide";
import type { EdgeRoom } from "./rooms";
import { type Visit, isPage } from "./visit";

/** After how many seconds a held request may be sent again. */
const RETRY_AFTER_S = 5;
/** The same for a room that is closed. */
const RETRY_CLOSED_S = 60;

const REFUSED = {
  bad_path: "The path has no clear meaning; write it without odd escapes.",
  bad_host: "The Host header is not a host's name.",
};

const OWN = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
};

/** Return an error for a program; `retryAfterS` 0 leaves Retry-After out. */
export function jsonReply(
  status: number,
  code: string,
  detail: string,
  retryAfterS = 0,
  more: Record<string, string> = {},
): Response {
  const retry = retryAfterS > 0 ? { "retry-after": String(retryAfterS) } : {};
  const headers = { "content-type": "application/json", ...OWN, ...retry };
  return new Response(JSON.stringify({ error: code, detail, ...more }), { status, headers });
}

/** Return what a held visitor gets; the splash page in place is made elsewhere. */
export function splashReply(splash: Splash, room: EdgeRoom): Response {
  const { location } = splash;
  if (splash.answer === "redirect") {
    // 303 makes every browser come back with GET, also after a form was sent.
    const status = location.endsWith("&unsent=1") ? 303 : 302;
    const headers = { "content-type": "text/plain; charset=utf-8", ...OWN, location };
    return new Response(null, { status, headers });
  }
  const page = { splash: location.split("?", 1)[0] ?? location };
  if (splash.closed) {
    const detail = room.message || "This part of the site is closed at the moment.";
    return jsonReply(429, "closed", detail, RETRY_CLOSED_S, page);
  }
  const detail = "Many visitors are here. Wait at the address in 'splash', then ask again.";
  return jsonReply(429, "queued", detail, RETRY_AFTER_S, page);
}

/**
 * Return what a visitor gets while the service is away.
 * @param hasTicket The visitor holds a ticket, or gets one with this answer.
 */
export async function holdReply(
  hold: Pick<Hold, "answer">,
  hasTicket: boolean,
): Promise<Response> {
  if (hold.answer === "json" || hold.answer === "socket") {
    const detail = "The waiting room cannot be reached right now; a place in line is kept.";
    return jsonReply(503, "service_unavailable", detail, RETRY_AFTER_S);
  }
  const place = hasTicket ? "You keep your place in line." : "You miss nothing by waiting here.";
  const body = awayPage
    .replace("{style}", () => style)
    .replace("{place}", place)
    .replace("{seconds}", String(RETRY_AFTER_S));
  const headers = {
    "content-type": "text/html; charset=utf-8",
    ...OWN,
    "retry-after": String(RETRY_AFTER_S),
    "content-security-policy": await awayCsp(),
  };
  return new Response(body, { status: 503, headers });
}

/** Return the answer to a visitor below `/__waitroom/` while the service is away. */
export async function awayReply(visit: Visit): Promise<Response> {
  return holdReply({ answer: !visit.websocket && isPage(visit) ? "redirect" : "json" }, true);
}

/** Return the answer to a request without a clear meaning. */
export function refuseReply(refused: Refuse): Response {
  return jsonReply(refused.status, refused.code, REFUSED[refused.code]);
}

let csp: string | undefined;

async function awayCsp(): Promise<string> {
  if (csp === undefined) {
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    const named = btoa(String.fromCharCode(...new Uint8Array(hash)));
    csp =
      `default-src 'none'; style-src 'sha256-${named}'; base-uri 'none'; ` +
      "form-action 'none'; frame-ancestors 'self'";
  }
  return csp;
}
