/** One request from decision to answer. The origin sees no request that was held. */

import { ServiceError } from "./calls";
import {
  type Decision,
  type Enter,
  type Forward,
  type Hold,
  type Splash,
  away,
  decide,
  entered,
} from "./decide";
import { type Env, readConfig } from "./env";
import { passCookie, ticketCookie } from "./identity";
import { inlineReply } from "./inline";
import { Kept } from "./kept";
import { respond } from "./keeping";
import { pickLanguage } from "./languages";
import { Origin } from "./origin";
import { proxy } from "./proxy";
import { awayReply, holdReply, refuseReply, splashReply } from "./replies";
import { type EdgeRoom, bareRoom } from "./rooms";
import type { Runtime, Waiting } from "./runtime";
import { Service } from "./service";
import { encode } from "./signer";
import { Store } from "./store";
import { Tokens } from "./token";
import { type Visit, visitFrom } from "./visit";

/** One isolate's gate. */
export class Gate {
  readonly #tokens: Tokens;
  readonly #service: Service;
  readonly #kept: Kept;
  readonly #origin: Origin;
  readonly #runtime: Runtime;

  /** @throws ConfigError If a setting is missing or wrong. */
  constructor(env: Env, runtime: Runtime) {
    const config = readConfig(env);
    const store = new Store(runtime, config.secretKeys.at(-1) ?? "");
    this.#runtime = runtime;
    this.#tokens = new Tokens(config.secretKeys);
    this.#service = new Service(config, runtime, store);
    this.#kept = new Kept(this.#service, runtime, store);
    this.#origin = new Origin(this.#tokens, runtime, env.ORIGIN);
  }

  /** Answer one request. */
  async answer(request: Request, waiting: Waiting): Promise<Response> {
    const visit = visitFrom(request, this.#runtime.nowMs());
    if (!this.#service.isReady(visit.nowMs)) await this.#service.ready(waiting, visit.nowMs);
    const decision = await decide(visit, this.#service.known(), this.#tokens);
    const turn = new Turn(request, visit, waiting);
    if (decision.kind === "enter") {
      return this.#carryOut(await this.#enter(decision, turn), turn);
    }
    return this.#carryOut(decision, turn);
  }

  async #carryOut(decision: Exclude<Decision, Enter>, turn: Turn): Promise<Response> {
    const { request, visit } = turn;
    switch (decision.kind) {
      case "forward":
        this.#renew(decision, turn);
        return this.#origin.forward(request, visit, decision, turn.setCookies);
      case "service":
        return this.#serve(decision.page, turn);
      case "refuse":
        return refuseReply(decision);
      default: {
        if (decision.issueTicket && decision.room !== null) {
          turn.giveTicket(decision.room, await this.#newTicket(decision.room, visit));
        }
        const reply = await this.#held(decision, turn);
        for (const cookie of turn.setCookies) reply.headers.append("set-cookie", cookie);
        return reply;
      }
    }
  }

  async #held(decision: Splash | Hold, turn: Turn): Promise<Response> {
    if (decision.kind === "hold") return holdReply(decision, decision.room !== null);
    const room = this.#room(decision.room);
    if (decision.answer !== "inline") return splashReply(decision, room);
    const language = this.#language(turn.visit);
    const reply = await inlineReply(this.#kept, decision, room, language, turn.waiting);
    return reply ?? holdReply({ answer: "redirect" }, !decision.closed);
  }

  async #serve(page: string, turn: Turn): Promise<Response> {
    const { request, visit, waiting } = turn;
    const wanted = this.#kept.wanted(visit, page, this.#language(visit));
    if (wanted !== null) {
      try {
        const found = await this.#kept.get(wanted, waiting);
        if (found !== null) return respond(found, request, this.#runtime.nowMs());
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        return awayReply(visit);
      }
    }
    // What is not for everybody is asked for in the visitor's own name.
    return proxy(this.#service, this.#runtime, request, visit, page, waiting);
  }

  async #enter(asked: Enter, turn: Turn): Promise<Forward | Splash | Hold> {
    const { visit } = turn;
    const room = this.#room(asked.room);
    // Made before it is shown: after a lost answer the visitor holds what the service knows. A
    // lapsed pass does as well, and requests side by side must not each bring another ticket.
    const { lapsed } = asked;
    const ticket =
      asked.ticket ?? (lapsed === null ? await this.#newTicket(room.name, visit) : null);
    try {
      const answer = await this.#service.enter(room.name, ticket, lapsed);
      if (answer.status === "waiting") {
        const given = answer.ticket ?? ticket;
        if (given !== null && given !== asked.ticket) turn.giveTicket(room.name, given);
      } else if (answer.status === "admitted" && answer.pass !== null) {
        // A ticket is given up at the door, as in the service's own `go`.
        if (asked.ticket !== null) turn.giveTicket(room.name, "");
        turn.givePass(room, answer.pass, (answer.deadline_ms ?? 0) - visit.nowMs);
      }
      return entered(asked, answer.status);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (ticket !== null && asked.splash.issueTicket) turn.giveTicket(room.name, ticket);
      const sinceMs = this.#service.breaker.awaySinceMs ?? visit.nowMs;
      // The ticket made above is the visitor's; another would be a second place.
      return away(room, visit, asked.page, sinceMs, true);
    }
  }

  #renew(decision: Forward, turn: Turn): void {
    const { token, deadlineMs, give, renew } = decision;
    if (decision.room === null || (!give && !renew)) return;
    const room = this.#room(decision.room);
    if (renew) {
      this.#service.renewals.ask(room.name, token, deadlineMs + room.sessionDurationS * 1000);
    }
    if (give) turn.givePass(room, token, deadlineMs - turn.visit.nowMs);
  }

  async #newTicket(room: string, visit: Visit): Promise<string> {
    const visitor = encode(crypto.getRandomValues(new Uint8Array(16)));
    return this.#tokens.signTicket({ room, visitor, place: visit.nowMs * 1000 });
  }

  #language(visit: Visit): string {
    const offered = this.#service.known().rooms?.languages ?? [];
    return pickLanguage(visit.headers.get("accept-language") ?? "", offered);
  }

  #room(name: string): EdgeRoom {
    // Deleted while this request was on its way.
    return this.#service.known().rooms?.get(name) ?? bareRoom(name);
  }
}

/** One request on its way, and the cookies that its answer will set. */
class Turn {
  readonly setCookies: string[] = [];
  readonly request: Request;
  readonly visit: Visit;
  readonly waiting: Waiting;

  constructor(request: Request, visit: Visit, waiting: Waiting) {
    this.request = request;
    this.visit = visit;
    this.waiting = waiting;
  }

  giveTicket(room: string, token: string): void {
    this.setCookies.push(ticketCookie(room, token, this.visit.secure));
  }

  givePass(room: EdgeRoom, token: string, leftMs: number): void {
    const { name, sessionDurationS } = room;
    this.setCookies.push(passCookie(name, token, leftMs, sessionDurationS, this.visit.secure));
  }
}

