/**
 * Requests on their way to the site: the page that was judged, with the edge's word that it came
 * through the gate. Whatever a visitor claims in those headers is dropped.
 */

import type { Forward } from "./decide";
import { printable } from "./paths";
import { jsonReply } from "./replies";
import type { Runtime } from "./runtime";
import type { Tokens } from "./token";
import { type Visit, parts } from "./visit";

/** Names the room whose gate was passed. */
export const GATE_HEADER = "waitroom-gate";
/** Holds the edge's word. */
export const ORIGIN_HEADER = "waitroom-origin";
/** What nobody but an edge may say. */
export const OURS = [GATE_HEADER, ORIGIN_HEADER];
const HOST_HEADER = "x-forwarded-host";
/** Also what names another page than the one that was judged, or another host, to some servers. */
const DROPPED = [...OURS, "x-original-url", "x-rewrite-url", HOST_HEADER].flatMap(spellings);
/** Caches that have a header of their own go by it, whatever Cache-Control says. */
const CACHE_HEADERS = ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];

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
    // Cheaper than a look at all that was sent.
    for (const name of DROPPED) headers.delete(name);
    if (request.headers.has(HOST_HEADER)) headers.set(HOST_HEADER, visit.host);
    headers.set(ORIGIN_HEADER, this.#freshWord(visit.nowMs) ?? (await this.#newWord(visit.nowMs)));
    if (decision.reason === "pass" && decision.room !== null) {
      headers.set(GATE_HEADER, decision.room);
    }
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
  const query = visit.query ? `?${printable(visit.query)}` : "";
  return `${scheme}://${authority}${page}${query}`;
}

/** Return an answer with cookies added, kept from caches: they would hand them to everybody. */
export function withCookies(answer: Response, setCookies: readonly string[]): Response {
  const own = new Response(answer.body, answer);
  // `private="set-cookie"` leaves the rest to everybody, so only whole directives count.
  const rules = (own.headers.get("cache-control") ?? "").replace(/"[^"]*"/g, '""');
  if (!/(^|,)\s*(no-store|private)\s*(,|$)/i.test(rules)) {
    own.headers.set("cache-control", "private, no-cache");
  }
  for (const name of CACHE_HEADERS) own.headers.delete(name);
  for (const cookie of setCookies) own.headers.append("set-cookie", cookie);
  return own;
}

/** Return a header's name in all spellings: servers that make CGI names read `_` as `-`. */
function spellings(name: string): string[] {
  const at = name.lastIndexOf("-");
  if (at < 0) return [name];
  const end = name.slice(at + 1);
  return spellings(name.slice(0, at)).flatMap((start) => [`${start}-${end}`, `${start}_${end}`]);
}
