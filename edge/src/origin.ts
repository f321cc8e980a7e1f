/**
 * Requests on their way to the site: the page that was judged, with the edge's word that it came
 * through the gate. Whatever a visitor claims in those headers is dropped.
 */

import type { Forward } from "./decide";
import { jsonReply } from "./replies";
import type { Runtime } from "./runtime";
import type { Tokens } from "./token";
import { type Visit, parts } from "./visit";

/** Names the room whose gate was passed. */
export const GATE_HEADER = "waitroom-gate";
/** Holds the edge's word. */
export const ORIGIN_HEADER = "waitroom-origin";
/** Servers that make CGI names of headers read `_` as `-`. */
const OTHER_SPELLINGS = ["waitroom_gate", "waitroom_origin"];
/** What nobody but an edge may say. */
export const EDGE_NAMES = [GATE_HEADER, ORIGIN_HEADER, ...OTHER_SPELLINGS];

/** Life of the edge's word. */
const PROOF_MS = 60_000;
/** With less than this left a new one is signed. */
const PROOF_LEFT_MS = 30_000;

/** Sends requests on to the site. */
export class Origin {
  readonly #tokens: Tokens;
  readonly #fetch: (request: Request) => Promise<Response>;
  #proof = "";
  #proofUntilMs = 0;

  /** @param binding The site, if it is a Worker itself. */
  constructor(tokens: Tokens, runtime: Runtime, binding: Pick<Fetcher, "fetch"> | undefined) {
    this.#tokens = tokens;
    this.#fetch = binding
      ? (request) => binding.fetch(request)
      : (request) => runtime.fetch(request);
  }

  /**
   * Return the site's answer.
   * @param setCookies Given to the visitor with it; such an answer is nobody else's.
   */
  async forward(
    request: Request,
    visit: Visit,
    decision: Forward,
    setCookies: readonly string[],
  ): Promise<Response> {
    const address = visit.path === decision.page ? null : moved(request, visit, decision.page);
    const onward = new Request(address ?? request, address === null ? MANUAL : request);
    const { headers } = onward;
    for (const name of OTHER_SPELLINGS) headers.delete(name);
    headers.set(ORIGIN_HEADER, this.#freshWord(visit.nowMs) ?? (await this.#newWord(visit.nowMs)));
    const passed = decision.reason === "pass" ? decision.room : null;
    if (passed === null) headers.delete(GATE_HEADER);
    else headers.set(GATE_HEADER, passed);
    const answer = await this.#ask(onward);
    return setCookies.length === 0 ? answer : withCookies(answer, setCookies);
  }

  async #ask(onward: Request): Promise<Response> {
    try {
      return await this.#fetch(onward);
    } catch {
      return jsonReply(502, "origin_unreachable", "The site cannot be reached right now.", 5);
    }
  }

  #freshWord(nowMs: number): string | null {
    const leftMs = this.#proofUntilMs - nowMs;
    // A clock that was set back must not leave a proof that is good for hours.
    return leftMs > PROOF_LEFT_MS && leftMs <= PROOF_MS ? this.#proof : null;
  }

  async #newWord(nowMs: number): Promise<string> {
    const deadlineMs = nowMs + PROOF_MS;
    this.#proof = await this.#tokens.signOrigin({ deadlineMs });
    this.#proofUntilMs = deadlineMs;
    return this.#proof;
  }
}

const MANUAL: RequestInit = { redirect: "manual" };

/** Return the address of the canonical page on the host that was judged. */
function moved(request: Request, visit: Visit, page: string): string {
  const { authority } = parts(request.url);
  const scheme = request.url.slice(0, request.url.indexOf(":"));
  const query = visit.query ? `?${visit.query}` : "";
  return `${scheme}://${authority}${page}${query}`;
}

/** Return an answer with cookies added, kept from caches: they would hand them to everybody. */
export function withCookies(answer: Response, setCookies: readonly string[]): Response {
  const own = new Response(answer.body, answer);
  const stored = own.headers.get("cache-control")?.toLowerCase() ?? "";
  if (!stored.includes("no-store") && !stored.includes("private")) {
    own.headers.set("cache-control", "private, no-cache");
  }
  for (const cookie of setCookies) own.headers.append("set-cookie", cookie);
  return own;
}
