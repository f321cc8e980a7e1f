/**
 * The gate's decision about one request: pure, the same in Python and TypeScript.
 *
 * In this order: canonical path, the waiting room's own pages, the room by host and path, bypass
 * rules, a suspended room, a valid pass, a closed room, the service away, a queueing room, and
 * last an open room, where the service is asked. `tests/vectors/decisions.json` pins it.
 *
 * An open room is asked even for a visitor with a ticket, so that an open room never shows a
 * splash page. A room without its service is judged before its line, because a splash page
 * that nobody serves would hold visitors for ever.
 */

import { type Path, PathError, canonicalHost, canonicalPath, printable } from "./paths";
import { type EdgeRoom, type Rooms, bypasses, refuses } from "./rooms";
import type { Tokens } from "./token";
import { type Visit, cookies, isPage } from "./visit";

/** Where everything that a splash page needs lives. */
export const PREFIX = "/__waitroom/";
/**
 * A queueing room whose service is away stays held this long before `open` lets everybody in, so
 * that a restart of the service is no flood.
 */
const PATIENCE_MS = 10_000;
/** Longest `return_to` that the service takes, characters. */
const RETURN_TO_MAX = 2_048;

/**
 * How a held visitor is answered: a redirect to the splash page, the splash page in place, JSON
 * for a program, or a refused WebSocket.
 */
export type Answer = "redirect" | "inline" | "json" | "socket";

/** What an edge knows when a request comes. */
export interface Known {
  /** Null until the service was heard for the first time. */
  readonly rooms: Rooms | null;
  /** Since when the service is away; null while it answers. */
  readonly awaySinceMs: number | null;
  /** Pass as shown -> the pass that has taken its place. */
  readonly renewed: ReadonlyMap<string, string>;
}

/** Let the request go to the origin. */
export interface Forward {
  readonly kind: "forward";
  readonly page: string;
  readonly reason: "no_room" | "bypass" | "suspended" | "pass" | "away";
  readonly room: string | null;
  /** The pass is past half its life; ask for a longer one in the background. */
  readonly renew: boolean;
  /** The pass that counted; empty if none did. */
  readonly token: string;
  /** The browser shows an older pass than this one. */
  readonly give: boolean;
  readonly deadlineMs: number;
}

/** Hand the request to the waiting room itself. */
export interface ToService {
  readonly kind: "service";
  readonly page: string;
}

/** Send the visitor to the splash page, or tell a program that it is queued. */
export interface Splash {
  readonly kind: "splash";
  readonly room: string;
  readonly answer: Answer;
  readonly location: string;
  /** Give a ticket stamped with the time of arrival. */
  readonly issueTicket: boolean;
  readonly closed: boolean;
}

/** Ask the service for a seat; `entered` or `away` decide then. */
export interface Enter {
  readonly kind: "enter";
  readonly page: string;
  readonly room: string;
  /** The visitor's ticket, if one was shown. */
  readonly ticket: string | null;
  readonly splash: Splash;
  /** A pass that ran out lately; its seat may have been extended through another gate. */
  readonly lapsed: string | null;
}

/** The service is away: ask the visitor to come again in a few seconds. */
export interface Hold {
  readonly kind: "hold";
  readonly room: string | null;
  readonly answer: Answer;
  readonly issueTicket: boolean;
}

/** The request has no clear meaning. */
export interface Refuse {
  readonly kind: "refuse";
  readonly status: 400;
  readonly code: "bad_path" | "bad_host";
}

export type Decision = Forward | ToService | Enter | Splash | Hold | Refuse;

/** Decide what becomes of a request. `Enter` has to be followed by `entered` or `away`. */
export async function decide(visit: Visit, known: Known, tokens: Tokens): Promise<Decision> {
  const path = clear(() => canonicalPath(visit.path));
  if (path === null) return { kind: "refuse", status: 400, code: "bad_path" };
  if (`${path.page}/`.startsWith(PREFIX)) return { kind: "service", page: path.page };
  const host = clear(() => canonicalHost(visit.host));
  if (host === null) return { kind: "refuse", status: 400, code: "bad_host" };
  if (known.rooms === null) return hold(null, visit, false);
  const room = known.rooms.find(host, path);
  if (room === undefined) return forward(path.page, "no_room", null);
  return decideIn(room, visit, path, known, tokens);
}

/** Decide after the service has answered `Enter`; its ticket and pass are the caller's. */
export function entered(
  asked: Enter,
  status: "admitted" | "waiting" | "closed" | "suspended",
): Forward | Splash {
  if (status === "admitted") return forward(asked.page, "pass", asked.room);
  if (status === "suspended") return forward(asked.page, "suspended", asked.room);
  return { ...asked.splash, issueTicket: false, closed: status === "closed" };
}

/**
 * Decide for a visitor without a pass while the service is away.
 * @param page The canonical page.
 * @param sinceMs Since when the service is away.
 * @param hasTicket The visitor holds a valid ticket.
 */
export function away(
  room: EdgeRoom,
  visit: Visit,
  page: string,
  sinceMs: number,
  hasTicket: boolean,
): Forward | Hold {
  const { action, openLimitS } = room.whenUnavailable;
  const awayMs = Math.max(0, visit.nowMs - sinceMs);
  const patient = room.queueing && awayMs < PATIENCE_MS;
  const refused = refuses(room, hasTicket);
  if (action === "open" && awayMs < openLimitS * 1000 && !patient && !refused) {
    return forward(page, "away", room.name);
  }
  return hold(room.name, visit, !hasTicket && !refused);
}

async function decideIn(
  room: EdgeRoom,
  visit: Visit,
  path: Path,
  known: Known,
  tokens: Tokens,
): Promise<Decision> {
  if (bypasses(room, visit, path)) return forward(path.page, "bypass", room.name);
  if (room.suspended) return forward(path.page, "suspended", room.name);
  const best = await bestPass(room, visit, known, tokens);
  if (best !== null) {
    const pastHalf = (best.deadlineMs - visit.nowMs) * 2 < room.sessionDurationS * 1000;
    // A recovering room has lost its seats; the passes bring them back.
    const renew = (pastHalf && !room.disableSessionRenewal) || room.recovering;
    return { ...forward(path.page, "pass", room.name), ...best, renew };
  }
  const ticket = await firstTicket(room, visit, tokens);
  if (known.awaySinceMs !== null) {
    return away(room, visit, path.page, known.awaySinceMs, ticket !== null);
  }
  const refused = refuses(room, ticket !== null);
  const splash: Splash = {
    kind: "splash",
    room: room.name,
    answer: answerTo(visit, room.delivery),
    location: locationOf(room, visit, path),
    issueTicket: ticket === null && !refused,
    closed: refused,
  };
  if (visit.websocket) return splash;
  const lapsed = await lapsedPass(room, visit, tokens);
  if (lapsed === null && (refused || room.queueing)) return splash;
  return { kind: "enter", page: path.page, room: room.name, ticket, splash, lapsed };
}

type Best = Pick<Forward, "token" | "give" | "deadlineMs">;

async function bestPass(
  room: EdgeRoom,
  visit: Visit,
  known: Known,
  tokens: Tokens,
): Promise<Best | null> {
  let best: Best | null = null;
  const terms = { epoch: room.epoch, nowMs: visit.nowMs };
  const all = cookies(visit, room.passCookie);
  for (const shown of all) {
    const token = known.renewed.get(shown) ?? shown;
    const found = await tokens.readPass(token, room.name, terms);
    if (typeof found === "string") continue;
    const { deadlineMs } = found;
    if (best === null || deadlineMs > best.deadlineMs) {
      best = { token, deadlineMs, give: !all.includes(token) };
    }
  }
  return best;
}

/** Return a pass that ran out less than a session ago; the browser drops it after that. */
async function lapsedPass(room: EdgeRoom, visit: Visit, tokens: Tokens): Promise<string | null> {
  const terms = { epoch: room.epoch, nowMs: visit.nowMs, graceMs: room.sessionDurationS * 1000 };
  for (const token of cookies(visit, room.passCookie)) {
    if (typeof (await tokens.readPass(token, room.name, terms)) !== "string") return token;
  }
  return null;
}

async function firstTicket(room: EdgeRoom, visit: Visit, tokens: Tokens): Promise<string | null> {
  for (const token of cookies(visit, room.ticketCookie)) {
    if (typeof (await tokens.readTicket(token, room.name)) !== "string") return token;
  }
  return null;
}

function forward(page: string, reason: Forward["reason"], room: string | null): Forward {
  const none = { renew: false, token: "", give: false, deadlineMs: 0 };
  return { kind: "forward", page, reason, room, ...none };
}

function hold(room: string | null, visit: Visit, issueTicket: boolean): Hold {
  return { kind: "hold", room, answer: answerTo(visit, "redirect"), issueTicket };
}

function answerTo(visit: Visit, delivery: "redirect" | "inline"): Answer {
  if (visit.websocket) return "socket";
  return isPage(visit) ? delivery : "json";
}

function locationOf(room: EdgeRoom, visit: Visit, path: Path): string {
  // A backslash is one more spelling of a slash to browsers; escaped it means the same here.
  const query = printable(visit.query).replaceAll("\\", "%5C");
  let page = query ? `${path.page}?${query}` : path.page;
  if (page.length > RETURN_TO_MAX) {
    // The service refuses longer ones, and a page without its query is better than none.
    page = path.page.length <= RETURN_TO_MAX ? path.page : "/";
  }
  const location = `${PREFIX}${room.name}?return_to=${encodeURIComponent(page)}`;
  // What a form sent is not kept, and the splash page can say so.
  return visit.method === "GET" || visit.method === "HEAD" ? location : `${location}&unsent=1`;
}

function clear<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof PathError) return null;
    throw error;
  }
}
