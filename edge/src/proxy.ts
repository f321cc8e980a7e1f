/**
 * Hands `/__waitroom/` to the service, so that visitors stay on the site's own host.
 *
 * Cookies pass; `X-Forwarded-*` are set anew: what a visitor claims about itself does not count.
 * A WebSocket is connected through; the platform carries its messages.
 */

import { ServiceError, call, passedOn, readLimited, timed } from "./calls";
import { OURS } from "./origin";
import { printable } from "./paths";
import { awayReply, jsonReply } from "./replies";
import type { Runtime, Waiting } from "./runtime";
import type { Service } from "./service";
import { type Visit, plainName } from "./visit";

/** Longest request body handed on, bytes; visitors send a few hundred. */
const BODY_MAX = 64 * 1024;
const CLAIMS = new Set(["forwarded", "x-real-ip", ...OURS]);

/** Hand one request to the service. */
export async function proxy(
  service: Service,
  runtime: Runtime,
  request: Request,
  visit: Visit,
  page: string,
  waiting: Waiting,
): Promise<Response> {
  const body = await bodyOf(request);
  if (body === null) {
    return jsonReply(413, "too_large", `A body may have at most ${BODY_MAX} bytes.`);
  }
  if (!service.breaker.reachable) return awayReply(visit);
  const onward = onwardTo(service.url, request, visit, page, body);
  if (onward === null) return jsonReply(400, "bad_request", "The request has no clear meaning.");
  try {
    if (visit.websocket) return await timed((signal) => runtime.fetch(onward, { signal }));
    return passedOn(await call(runtime, onward, {}));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    // It may be the fault of this request; a probe tells, so that no visitor can make the
    // service count as away for all.
    service.doubt(waiting);
    return awayReply(visit);
  }
}

/** Return the headers that the service gets. */
export function headersFor(request: Request, visit: Visit): Headers {
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()]) {
    const plain = plainName(name);
    if (CLAIMS.has(plain) || plain.startsWith("x-forwarded-")) headers.delete(name);
  }
  headers.set("x-forwarded-for", visit.address);
  headers.set("x-forwarded-proto", visit.secure ? "https" : "http");
  headers.set("x-forwarded-host", visit.host);
  const cookie = headers.get("cookie");
  if (cookie?.includes(",")) headers.set("cookie", untangled(cookie));
  return headers;
}

/** Several Cookie headers come joined by a comma, behind which the service would not find ours. */
function untangled(cookie: string): string {
  const ours = cookie.split(/[;,]/).map((pair) => pair.trim());
  return [...ours.filter((pair) => pair.startsWith("waitroom_")), cookie].join("; ");
}

async function bodyOf(request: Request): Promise<Uint8Array | null> {
  if (request.method === "GET" || request.method === "HEAD") return new Uint8Array();
  return readLimited(request, BODY_MAX);
}

function onwardTo(
  url: string,
  request: Request,
  visit: Visit,
  page: string,
  body: Uint8Array,
): Request | null {
  const query = visit.query ? `?${printable(visit.query)}` : "";
  const init: RequestInit = {
    method: visit.method,
    headers: headersFor(request, visit),
    redirect: "manual",
  };
  if (body.length > 0) init.body = body;
  try {
    return new Request(`${url}${page}${query}`, init);
  } catch {
    return null;
  }
}
