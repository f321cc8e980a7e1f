/**
 * The rooms as an edge knows them, and which of them a request belongs to.
 *
 * A document of the service is taken whole or not at all; the last good one stays in use.
 */

import * as v from "valibot";

import { type Rule, applies, compiled, ruleSchema } from "./bypass";
import { type Path, prefix, within } from "./paths";
import { passCookieName, ticketCookieName } from "./identity";
import type { Visit } from "./visit";

const flag = v.optional(v.boolean(), false);
const matching = (shape: RegExp) => v.pipe(v.string(), v.regex(shape));
const whole = (min: number, max: number) =>
  v.pipe(
    v.number(),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max),
  );

// What stands inside a route, a rule or a policy is known in full, or the whole is refused: a
// condition that an older edge left out would open a door.
const routeSchema = v.strictObject({
  host: v.optional(matching(/^[^]{0,253}$/), "*"),
  path: v.optional(matching(/^\/[^]{0,511}$/), "/"),
});
const awaySchema = v.strictObject({
  action: v.optional(v.picklist(["open", "closed"]), "closed"),
  open_limit_s: v.optional(whole(0, 86_400), 600),
});
const roomSchema = v.object({
  name: matching(/^[a-z0-9][a-z0-9_-]{0,39}$/),
  routes: v.optional(v.array(routeSchema), []),
  bypass: v.optional(v.array(ruleSchema), []),
  delivery: v.optional(v.picklist(["redirect", "inline"]), "redirect"),
  queueing_status_code: v.optional(whole(200, 599), 200),
  when_unavailable: v.optional(awaySchema, {}),
  session_duration_s: v.optional(whole(1, Number.MAX_SAFE_INTEGER), 300),
  disable_session_renewal: flag,
  suspended: flag,
  closed: flag,
  draining: flag,
  epoch: v.optional(whole(0, Number.MAX_SAFE_INTEGER), 0),
  queueing: flag,
  recovering: flag,
  message: v.optional(v.nullable(v.string()), null),
  theme: v.optional(matching(/^[A-Za-z0-9-]{0,40}$/), ""),
});
const roomsSchema = v.object({ rooms: v.array(roomSchema), languages: v.optional(v.unknown()) });

/** A part of a site, its path in the form of `Path.match`. */
interface Route {
  readonly host: string;
  readonly path: string;
}

/** One room, as `GET /api/edge/rooms` tells it. The service may add fields. */
export interface EdgeRoom {
  readonly name: string;
  readonly delivery: "redirect" | "inline";
  readonly queueingStatusCode: number;
  readonly whenUnavailable: { readonly action: "open" | "closed"; readonly openLimitS: number };
  readonly sessionDurationS: number;
  readonly disableSessionRenewal: boolean;
  readonly suspended: boolean;
  readonly closed: boolean;
  /** Closed to newcomers only: whoever holds a ticket is let in as seats become free. */
  readonly draining: boolean;
  readonly epoch: number;
  readonly recovering: boolean;
  readonly message: string | null;
  /** What the splash page looks like: which version of it is kept. */
  readonly theme: string;
  readonly queueing: boolean;
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  readonly passCookie: string;
  readonly ticketCookie: string;
}

interface Row {
  readonly host: string;
  readonly path: string;
  readonly room: EdgeRoom;
}

/**
 * The rooms of one document, ready to be asked.
 *
 * The most specific route wins: an exact host before `*`, then the longest path; the room's name
 * settles what is left, so that every edge picks the same one.
 */
export class Rooms {
  /** What the splash page is offered in, in lower case. */
  readonly languages: readonly string[];
  readonly #rooms: readonly EdgeRoom[];
  readonly #table: readonly Row[];

  constructor(rooms: readonly EdgeRoom[], languages: readonly string[] = []) {
    this.languages = languages;
    this.#rooms = rooms;
    this.#table = rooms
      .flatMap((room) => room.routes.map((route) => ({ ...route, room })))
      .sort(bySpecificity);
  }

  /** Return the room in front of a page; undefined if there is none. */
  find(host: string, path: Path): EdgeRoom | undefined {
    for (const row of this.#table) {
      if ((row.host === "*" || row.host === host) && within(path.match, row.path)) return row.room;
    }
    return undefined;
  }

  /** Return the room of a name; undefined if it is not known. */
  get(name: string): EdgeRoom | undefined {
    return this.#rooms.find((room) => room.name === name);
  }

  /** Return the same rooms, with one of them known to be queueing. */
  queueing(name: string): Rooms {
    const rooms = this.#rooms.map((room) =>
      room.name === name ? { ...room, queueing: true } : room,
    );
    return new Rooms(rooms, this.languages);
  }
}

/**
 * Return the rooms of a document of the service.
 * @param document Parsed from JSON, untrusted.
 * @throws v.ValiError If it is not of the expected shape.
 */
export function parseRooms(document: unknown): Rooms {
  const told = v.parse(roomsSchema, document);
  // Without a language the page comes in another one; that is no reason to lose the rooms.
  const languages: unknown[] = Array.isArray(told.languages) ? told.languages : [];
  return new Rooms(
    told.rooms.map(edgeRoom),
    languages.filter(isLanguage).map((name) => name.toLowerCase()),
  );
}

/** Say whether one of the owner's rules lets this request through uncounted. */
export function bypasses(room: EdgeRoom, visit: Visit, path: Path): boolean {
  return room.rules.some((rule) => applies(rule, visit, path));
}

/** Say whether somebody without a pass is refused. */
export function refuses(room: EdgeRoom, hasTicket: boolean): boolean {
  return room.closed && !(room.draining && hasTicket);
}

/** Return a room with no more than its name: one that was deleted a moment ago. */
export function bareRoom(name: string): EdgeRoom {
  return edgeRoom(v.parse(roomSchema, { name }));
}

function edgeRoom(told: v.InferOutput<typeof roomSchema>): EdgeRoom {
  return {
    name: told.name,
    delivery: told.delivery,
    queueingStatusCode: told.queueing_status_code,
    whenUnavailable: {
      action: told.when_unavailable.action,
      openLimitS: told.when_unavailable.open_limit_s,
    },
    sessionDurationS: told.session_duration_s,
    disableSessionRenewal: told.disable_session_renewal,
    suspended: told.suspended,
    closed: told.closed,
    draining: told.draining,
    epoch: told.epoch,
    queueing: told.queueing,
    recovering: told.recovering,
    message: told.message,
    theme: told.theme,
    routes: told.routes.flatMap(route),
    rules: told.bypass.map(compiled),
    passCookie: passCookieName(told.name),
    ticketCookie: ticketCookieName(told.name),
  };
}

function isLanguage(name: unknown): name is string {
  return typeof name === "string" && /^[A-Za-z0-9_-]{1,35}$/.test(name);
}

function route(told: Route): Route[] {
  const path = prefix(told.path);
  return path === null ? [] : [{ host: told.host.toLowerCase().replace(/\.+$/, ""), path }];
}

function bySpecificity(a: Row, b: Row): number {
  const any = Number(a.host === "*") - Number(b.host === "*");
  if (any !== 0) return any;
  if (a.path.length !== b.path.length) return b.path.length - a.path.length;
  return a.room.name < b.room.name ? -1 : Number(a.room.name > b.room.name);
}
