/** A world for tests: an origin, a service and a clock that only they move. */

import { vi } from "vitest";

import type { Env } from "./env";
import { Gate } from "./gate";
import type { Runtime } from "./runtime";
import { Tokens } from "./token";

export const KEY = "k".repeat(32);
export const OLD_KEY = "o".repeat(32);
export const SERVICE = "https://waitroom.example";
export const NOW_MS = 1_790_000_000_000;
export const VISITOR = "AAECAwQFBgcICQoLDA0ODw";
export const PAGE = { accept: "text/html", "sec-fetch-dest": "document" };

/** Answers of the service by the last part of their path; a function may fail or hang. */
export type Answers = Record<string, (request: Request) => Response | Promise<Response>>;

/** What tests look at: each request that arrived, and what is still to be done. */
export class World {
  readonly atService: Request[] = [];
  readonly atOrigin: Request[] = [];
  readonly cached = new Map<string, Response>();
  readonly behind: Promise<unknown>[] = [];
  readonly tokens = new Tokens([OLD_KEY, KEY]);
  rooms: Record<string, unknown>[] = [room({})];
  answers: Answers = {};
  origin: (request: Request) => Response | Promise<Response> = () => new Response("the site");
  hasCache = false;
  readonly gate: Gate;

  constructor(env: Partial<Env> = {}) {
    this.gate = this.isolate(env);
  }

  /** Return one more gate in front of the same world. */
  isolate(env: Partial<Env> = {}): Gate {
    const values = {
      WAITROOM_SERVICE_URL: `${SERVICE}/`,
      WAITROOM_SECRET_KEYS: `${OLD_KEY}, ${KEY}`,
      WAITROOM_EDGE_TOKEN: "edge-token",
    };
    return new Gate({ ...values, ...env }, this.runtime());
  }

  /** Visit a page. */
  async visit(
    path: string,
    headers: Record<string, string> = PAGE,
    init: RequestInit = {},
    gate = this.gate,
  ): Promise<Response> {
    const request = new Request(`https://site.example${path}`, { ...init, headers });
    const waiting = { waitUntil: (promise: Promise<unknown>) => void this.behind.push(promise) };
    return gate.answer(request, waiting);
  }

  /** Return the paths that the service was asked for, rooms aside. */
  asked(): string[] {
    const paths = this.atService.map((request) => new URL(request.url).pathname);
    return paths.filter((path) => path !== "/api/edge/rooms");
  }

  /** Return what was last sent to the service under a verb. */
  async sent(verb: string): Promise<unknown> {
    return this.atService.findLast((request) => request.url.endsWith(`/${verb}`))?.clone().json();
  }

  /** Return how often the rooms were pulled. */
  pulls(): number {
    return this.atService.length - this.asked().length;
  }

  /** Return a pass for the shop. */
  async pass(leftMs = 300_000, epoch = 0): Promise<string> {
    const deadlineMs = Date.now() + leftMs;
    return this.tokens.signPass({ room: "shop", visitor: VISITOR, deadlineMs, epoch });
  }

  private runtime(): Runtime {
    return {
      nowMs: () => Date.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      fetch: async (address, init) => this.fetched(new Request(address, init)),
      cache: () => (this.hasCache ? this.cache() : undefined),
    };
  }

  private async fetched(request: Request): Promise<Response> {
    if (!request.url.startsWith(SERVICE)) {
      this.atOrigin.push(request);
      return this.origin(request);
    }
    this.atService.push(request);
    const verb = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const answer = this.answers[verb];
    if (answer !== undefined) return answer(request);
    if (verb === "rooms") return Response.json({ rooms: this.rooms, languages: ["de", "en"] });
    return Response.json({ error: "room_not_found", detail: "x" }, { status: 404 });
  }

  private cache(): Pick<Cache, "match" | "put"> {
    const key = (request: RequestInfo | URL): string =>
      request instanceof Request ? request.url : String(request);
    return {
      match: async (request) => this.cached.get(key(request))?.clone(),
      put: async (request, response) => void this.cached.set(key(request), response),
    };
  }
}

/** Return a room as the service tells it. */
export function room(settings: Record<string, unknown>): Record<string, unknown> {
  return { name: "shop", routes: [{ host: "*", path: "/shop" }], title: "Shop", ...settings };
}

/** Return the cookies that an answer sets, name -> value; an empty value takes one away. */
export function setCookies(response: Response): Record<string, string> {
  const pairs = response.headers.getSetCookie().map((cookie) => cookie.split(";")[0] ?? "");
  return Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string]));
}

/** Let the clock stand still until a test moves it. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: NOW_MS });
}

/** Move the clock in small steps, so that all that was waiting gets its turn. */
export async function pass(ms: number, stepMs = 50): Promise<void> {
  for (let gone = 0; gone < ms; gone += stepMs) {
    await vi.advanceTimersByTimeAsync(Math.min(stepMs, ms - gone));
    await turn();
  }
}

/** Signatures are made in other threads; so many are on their way. */
let signing = 0;
for (const name of ["sign", "verify", "importKey", "digest"] as const) {
  const real = crypto.subtle[name].bind(crypto.subtle) as (...args: unknown[]) => Promise<unknown>;
  const counted = (...args: unknown[]): Promise<unknown> => {
    signing += 1;
    return real(...args).finally(() => (signing -= 1));
  };
  Object.defineProperty(crypto.subtle, name, { value: counted });
}

/** Let all that can go on without the clock do so. */
export async function turn(): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet = signing === 0 ? quiet + 1 : 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Wait until something holds while the clock stands still. */
export async function when(holds: () => boolean): Promise<void> {
  for (let n = 0; !holds(); n++) {
    if (n > 10_000) throw new Error("it never came to be");
    await turn();
  }
}

/** Wait for an answer while the clock goes on. */
export async function answered<T>(promise: Promise<T>, limitMs = 10_000): Promise<T> {
  let done = false;
  const mark = (): void => void (done = true);
  promise.then(mark, mark);
  await turn();
  for (let gone = 0; !done && gone < limitMs; gone += 50) await pass(50);
  return promise;
}
