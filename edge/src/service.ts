/**
 * The service as an edge sees it: its rooms, its word on who may enter, and whether it is there.
 *
 * Rooms are pulled in the background by a loop that some request holds open; a lease tells whether
 * it is alive, since the platform may cut it off. Only a request that finds rooms too old, in an
 * isolate that stood idle, waits for one pull.
 */

import * as v from "valibot";

import { Breaker } from "./breaker";
import { RefusedError, ServiceError, TIME_LIMIT_MS, call } from "./calls";
import { type RoomsCopy, loadCopy, saveCopy } from "./copy";
import type { Known } from "./decide";
import type { Config } from "./env";
import { readJson } from "./json";
import { Renewals } from "./renewals";
import { type Rooms, parseRooms } from "./rooms";
import { type Runtime, type Waiting, until } from "./runtime";
import type { Store } from "./store";

/** How often the loop looks what is to be done. */
const TURN_MS = 1_000;
/** The same before the service was heard for the first time. */
const FIRST_TURN_MS = 200;
/** How often rooms are pulled while all is well. */
const PULL_MS = 2_000;
/** How often a service that is away is asked whether it is back. */
const PROBE_MS = 1_000;
/** Older rooms are not decided with while the service answers. */
const FRESH_MS = 3_000;
/** The same while the loop is asking: nobody notices the first time-out of a service that hangs. */
const FRESH_ASKING_MS = 4_200;
/** How long one request holds the loop open; the platform ends it after 30 s. */
const LOOP_MS = 20_000;
/** A loop that was not heard of for so long was cut off. */
const LEASE_MS = 6_000;
/** Rooms that another isolate heard so lately need not be asked for. */
const SHARED_MS = 1_000;

/** Goes into a cookie, so nothing that could end one. */
const token = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,256}$/));
const maybeToken = v.optional(v.nullable(token), null);
const enteredSchema = v.object({
  status: v.picklist(["admitted", "waiting", "closed", "suspended"]),
  ticket: maybeToken,
  pass: maybeToken,
  deadline_ms: v.optional(v.nullable(v.number()), null),
});
const renewedSchema = v.object({ passes: v.array(v.nullable(token)) });
const goneSchema = v.object({ error: v.picklist(["room_not_found"]) });
/** Hardly a room has this name; the service looks for it in its store and changes nothing. */
const PROBED_ROOM = "waitroom-probe";

/** The service's word on who may enter. */
export type Entered = v.InferOutput<typeof enteredSchema>;

/** One isolate's link to the service. */
export class Service {
  readonly breaker = new Breaker();
  readonly renewals = new Renewals();
  readonly url: string;
  readonly #runtime: Runtime;
  readonly #store: Store;
  readonly #headers: Record<string, string>;
  /** In use. */
  #rooms: Rooms | null = null;
  /** As told last; the same as in use, until `enter` knows better. */
  #pulled: Rooms | null = null;
  #told: RoomsCopy | null = null;
  #startedMs = Number.NEGATIVE_INFINITY;
  #pulling = false;
  /** `enter` failed and has not been seen to work since. */
  #enterFailed = false;
  #leaseMs = Number.NEGATIVE_INFINITY;

  constructor(config: Config, runtime: Runtime, store: Store) {
    this.url = config.serviceUrl;
    this.#runtime = runtime;
    this.#store = store;
    this.#headers = {
      authorization: `Bearer ${config.edgeToken}`,
      "content-type": "application/json",
    };
  }

  /** Return what is known now, for a decision. */
  known(): Known {
    const { awaySinceMs } = this.breaker;
    return { rooms: this.#rooms, awaySinceMs, renewed: this.renewals.renewed };
  }

  /** Say whether what is known is fresh, and stays so. */
  isReady(nowMs: number): boolean {
    return this.#isLeased(nowMs) && this.#fresh(nowMs);
  }

  /** See to it that it is. */
  async ready(waiting: Waiting, nowMs: number): Promise<void> {
    if (!this.#isLeased(nowMs)) {
      this.#leaseMs = nowMs + LEASE_MS;
      // A batch whose sender was cut off goes out again.
      this.renewals.putBack();
      waiting.waitUntil(this.#loop(nowMs + LOOP_MS).catch(noted));
    }
    if (!this.#fresh(nowMs)) await this.#refresh(waiting, nowMs);
  }

  /**
   * Ask for a seat.
   * @param ticket The visitor's ticket, verified, or one made for a new visitor.
   * @param lapsed A pass that ran out lately, whose seat may go on.
   * @returns The service's word; a room that was deleted meanwhile counts as suspended.
   * @throws ServiceError If there is no usable answer in time. The visitor may have been seated.
   */
  async enter(room: string, ticket: string | null, lapsed: string | null): Promise<Entered> {
    try {
      const asked = { room, ticket, ...(lapsed === null ? {} : { pass: lapsed }) };
      const found = await this.#post("enter", asked, enteredSchema);
      if (found === null) {
        return { status: "suspended", ticket: null, pass: null, deadline_ms: null };
      }
      if (found.status === "admitted" && found.pass === null) {
        throw new ServiceError("admitted without a pass");
      }
      // The next pull would say so; until then the line must not cost a call each.
      if (found.status === "waiting") this.#rooms = this.#rooms?.queueing(room) ?? null;
      return found;
    } catch (error) {
      this.#enterFailed = true;
      throw this.failed(error);
    }
  }

  /** Note that the service gave no usable answer; return what it was. */
  failed(error: unknown): ServiceError {
    if (!(error instanceof ServiceError)) throw error;
    this.breaker.failed(error, this.#runtime.nowMs());
    return error;
  }

  /** Find out in the background whether the service is there: a visitor's request failed. */
  doubt(waiting: Waiting): void {
    if (!this.#isPulling(this.#runtime.nowMs())) waiting.waitUntil(this.#pull());
  }

  #fresh(nowMs: number): boolean {
    // While the service is away a probe is enough; nobody waits for what is known to fail.
    if (this.breaker.awaySinceMs !== null) return apart(nowMs, this.#startedMs) < LEASE_MS;
    const ageMs = apart(nowMs, this.#told?.heardMs ?? Number.NEGATIVE_INFINITY);
    return ageMs <= (this.#isPulling(nowMs) ? FRESH_ASKING_MS : FRESH_MS);
  }

  async #refresh(waiting: Waiting, nowMs: number): Promise<void> {
    if (this.#isPulling(nowMs)) {
      await until(this.#runtime, TIME_LIMIT_MS, () => !this.#pulling);
      return;
    }
    const pull = this.#pull();
    waiting.waitUntil(pull);
    await pull;
  }

  #isPulling(nowMs: number): boolean {
    // One that takes longer was cut off.
    return this.#pulling && apart(nowMs, this.#startedMs) <= TIME_LIMIT_MS + TURN_MS / 2;
  }

  #isLeased(nowMs: number): boolean {
    return nowMs < this.#leaseMs && this.#leaseMs <= nowMs + LEASE_MS;
  }

  async #loop(endMs: number): Promise<void> {
    const { nowMs, sleep } = this.#runtime;
    try {
      while (nowMs() < endMs) {
        await sleep(this.#rooms === null ? FIRST_TURN_MS : TURN_MS);
        this.#leaseMs = nowMs() + LEASE_MS;
        const away = this.breaker.awaySinceMs !== null;
        const dueMs = (away ? PROBE_MS : PULL_MS) - TURN_MS / 2;
        const due = apart(nowMs(), this.#startedMs) >= dueMs;
        if (due && !this.#isPulling(nowMs())) await this.#pull();
        await this.#renew();
      }
    } finally {
      this.#leaseMs = Number.NEGATIVE_INFINITY;
    }
  }

  /** Pull the rooms. Never fails: a failure is noted. */
  async #pull(): Promise<void> {
    this.#pulling = true;
    this.#startedMs = this.#runtime.nowMs();
    const probe = this.#enterFailed ? this.#probeEnter() : null;
    let copy: RoomsCopy | null = null;
    try {
      copy = readable(await loadCopy(this.#store, this.#startedMs));
      if (copy === null || this.#startedMs - copy.heardMs > SHARED_MS) copy = await this.#ask(copy);
      this.#take(copy);
      await probe;
      if (this.#enterFailed) throw new ServiceError("enter does not work");
      this.breaker.worked(this.#runtime.nowMs());
    } catch (error) {
      const known = error instanceof ServiceError;
      this.failed(known ? error : new ServiceError("rooms could not be read"));
      if (this.#rooms === null && copy !== null) this.#take(copy);
    } finally {
      this.#pulling = false;
    }
  }

  /** Look whether `enter` works again: it needs more of the service than the rooms do. */
  async #probeEnter(): Promise<void> {
    // Visitors' own questions may fail meanwhile, and count.
    this.#enterFailed = false;
    // If there is such a room, a question would take a seat.
    if (this.#rooms?.get(PROBED_ROOM) !== undefined) return;
    try {
      const found = await this.#post("enter", { room: PROBED_ROOM, ticket: null }, enteredSchema);
      this.#enterFailed = found !== null;
    } catch {
      this.#enterFailed = true;
    }
  }

  #take(copy: RoomsCopy): void {
    if (copy.text !== this.#told?.text) this.#pulled = parseRooms(JSON.parse(copy.text));
    this.#told = copy;
    this.#rooms = this.#pulled;
  }

  async #ask(copy: RoomsCopy | null): Promise<RoomsCopy> {
    const had = this.#told ?? copy;
    const ifChanged: Record<string, string> = had?.etag ? { "if-none-match": had.etag } : {};
    const headers = { ...this.#headers, ...ifChanged };
    const answer = await call(this.#runtime, `${this.url}/api/edge/rooms`, { headers });
    const heardMs = this.#runtime.nowMs();
    const unchanged = answer.status === 304 && had !== null;
    if (!unchanged && answer.status !== 200) {
      throw new ServiceError(`rooms answered ${answer.status}`);
    }
    const etag = answer.headers.get("etag") ?? "";
    const told = { text: text(answer.body), etag, heardMs };
    const heard = unchanged ? { ...had, heardMs } : told;
    if (readable(heard) === null) throw new ServiceError("rooms answered something unexpected");
    await saveCopy(this.#store, heard);
    return heard;
  }

  async #renew(): Promise<void> {
    const { renewals } = this;
    renewals.forget(this.#runtime.nowMs());
    while (renewals.waiting && this.breaker.awaySinceMs === null) {
      const batch = renewals.take();
      const passes = batch.map((wanted) => ({ room: wanted.room, pass: wanted.token }));
      try {
        const answer = await this.#post("renew", { passes }, renewedSchema);
        if (answer?.passes.length !== batch.length) {
          throw new ServiceError("renew answered another number of passes");
        }
        renewals.settle(batch, answer.passes);
      } catch (error) {
        if (error instanceof RefusedError) renewals.drop();
        else renewals.putBack();
        this.failed(error);
        return;
      }
    }
  }

  /** Return the answer; null if there is no such room. */
  async #post<T extends v.GenericSchema>(
    verb: string,
    body: unknown,
    schema: T,
  ): Promise<v.InferOutput<T> | null> {
    const init = { method: "POST", headers: this.#headers, body: JSON.stringify(body) };
    const answer = await call(this.#runtime, `${this.url}/api/edge/${verb}`, init);
    const { status } = answer;
    const told = text(answer.body);
    if (status !== 200) {
      const message = `${verb} answered ${status}`;
      if (status >= 400 && status < 500 && status !== 404) throw new RefusedError(message);
      // Any other 404 comes from a proxy that lost its way; it must not open a room.
      if (status === 404 && readJson(goneSchema, told) !== null) return null;
      throw new ServiceError(message);
    }
    const found = readJson(schema, told);
    if (found === null) throw new ServiceError(`${verb} answered something unexpected`);
    return found;
  }
}

/** A clock that was set back must not make old things new. */
function apart(aMs: number, bMs: number): number {
  return Math.abs(aMs - bMs);
}

function readable(copy: RoomsCopy | null): RoomsCopy | null {
  try {
    if (copy !== null) parseRooms(JSON.parse(copy.text));
    return copy;
  } catch {
    return null;
  }
}

/** What goes wrong beside a visit must not end it; the next visit begins anew. */
function noted(error: unknown): void {
  console.error("pulling rooms ended:", error instanceof Error ? error.name : "unknown error");
}

function text(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}
