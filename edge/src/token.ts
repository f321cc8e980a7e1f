/**
 * Tickets, passes and the edge's word to the origin: signed, compact, pinned for every
 * implementation by `tests/vectors/tokens.json`. What is wrong with a token is told by a word;
 * outside all defects look alike.
 */

import { Signer } from "./signer";

/** How far two hosts' clocks may differ. */
export const CLOCK_SKEW_MS = 5_000;

const VISITOR = /^[A-Za-z0-9_-]{22}$/;
const NUMBER = /^(?:0|[1-9][0-9]{0,15})$/;

/** What may be wrong with a token. */
export type Defect = "malformed" | "forged" | "expired";

/** A visitor's place in a room's line. */
export interface Ticket {
  readonly room: string;
  readonly visitor: string;
  /** Microseconds since the epoch; lower is earlier. */
  readonly place: number;
}

/** A visitor's seat on the site. */
export interface Pass {
  readonly room: string;
  readonly visitor: string;
  /** When the seat ends, milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** The room's epoch when the pass was signed; a later one ends it. */
  readonly epoch: number;
}

/** An edge's word to the origin that a request came through it. */
export interface OriginProof {
  /** Until when it counts, milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** What a pass is read against. */
export interface PassTerms {
  /** The room's epoch as this edge last heard; a pass of a later one counts. */
  readonly epoch: number;
  readonly nowMs: number;
  /** Accept one that ran out this long ago, to look for its seat; it opens nothing. */
  readonly graceMs?: number;
}

/** Signs and verifies with a list of keys, oldest first. */
export class Tokens {
  readonly #tickets: Signer;
  readonly #passes: Signer;
  readonly #origin: Signer;

  constructor(secretKeys: readonly string[]) {
    if (secretKeys.length === 0) throw new Error("at least one signing key is needed");
    this.#tickets = new Signer(secretKeys, "waitroom.ticket");
    this.#passes = new Signer(secretKeys, "waitroom.pass");
    this.#origin = new Signer(secretKeys, "waitroom.origin");
  }

  /** Return the ticket as a token. */
  async signTicket(ticket: Ticket): Promise<string> {
    return this.#tickets.sign(`${ticket.room}.${ticket.visitor}.${ticket.place}`);
  }

  /** Return the pass as a token. */
  async signPass(pass: Pass): Promise<string> {
    return this.#passes.sign(`${pass.room}.${pass.visitor}.${pass.deadlineMs}.${pass.epoch}`);
  }

  /** Return the edge's word to the origin as a token. */
  async signOrigin(proof: OriginProof): Promise<string> {
    return this.#origin.sign(String(proof.deadlineMs));
  }

  /** Verify a ticket shown for a room. */
  async readTicket(token: string, room: string): Promise<Ticket | Defect> {
    const fields = await fieldsOf(this.#tickets, token, 3);
    if (typeof fields === "string") return fields;
    const [named, visitor = "", shownPlace = ""] = fields;
    if (named !== room) return "forged";
    const place = number(shownPlace);
    if (!VISITOR.test(visitor) || place === null) return "malformed";
    return { room, visitor, place };
  }

  /** Verify a pass shown for a room. */
  async readPass(token: string, room: string, terms: PassTerms): Promise<Pass | Defect> {
    const fields = await fieldsOf(this.#passes, token, 4);
    if (typeof fields === "string") return fields;
    const [named, visitor = "", deadline = "", shownEpoch = ""] = fields;
    if (named !== room) return "forged";
    const deadlineMs = number(deadline);
    const epoch = number(shownEpoch);
    if (!VISITOR.test(visitor) || deadlineMs === null || epoch === null) return "malformed";
    const untilMs = deadlineMs + CLOCK_SKEW_MS + (terms.graceMs ?? 0);
    if (untilMs <= terms.nowMs || epoch < terms.epoch) return "expired";
    return { room, visitor, deadlineMs, epoch };
  }

  /** Verify an edge's word that a request came through it. */
  async readOrigin(token: string, nowMs: number): Promise<OriginProof | Defect> {
    const fields = await fieldsOf(this.#origin, token, 1);
    if (typeof fields === "string") return fields;
    const deadlineMs = number(fields[0] ?? "");
    if (deadlineMs === null) return "malformed";
    return deadlineMs + CLOCK_SKEW_MS <= nowMs ? "expired" : { deadlineMs };
  }
}

async function fieldsOf(signer: Signer, token: string, count: number): Promise<string[] | Defect> {
  const found = await signer.unsign(token);
  if (typeof found === "string") return found;
  if (/[^\x00-\x7f]/.test(found.text)) return "malformed";
  const fields = found.text.split(".");
  return fields.length === count ? fields : "malformed";
}

function number(text: string): number | null {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}
