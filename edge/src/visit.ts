/** What a request shows to the gate, as the decision wants it. */

import { latin1 } from "./paths";

/** Most cookies of one name that are looked at; more only cost time. */
export const MAX_COOKIES = 8;

const PAGE_DESTINATIONS = new Set(["document", "frame", "iframe", "embed", "object"]);
const PAGE_METHODS = new Set(["GET", "HEAD", "POST"]);
const QUALITY = /^q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

/** One request, or one WebSocket to be opened. */
export interface Visit {
  /** Upper case; `GET` for a WebSocket. */
  readonly method: string;
  /** The Host header. */
  readonly host: string;
  /** As received, without query, still percent-encoded, one character for each byte. */
  readonly path: string;
  /** As received, without `?`. */
  readonly query: string;
  readonly headers: Pick<Headers, "get">;
  /** The visitor's IP address; empty if not known. */
  readonly address: string;
  readonly nowMs: number;
  readonly websocket: boolean;
  /** The visitor's connection is encrypted. */
  readonly secure: boolean;
}

/** Return what a request of the runtime shows. */
export function visitFrom(request: Request, nowMs: number): Visit {
  const { headers, method, url } = request;
  const { authority, path, query } = parts(latin1(url));
  // The runtime puts the Host header into the address as it is: one with a slash in it would
  // change the path. So both have to name the same host, else it is none.
  const named = headers.get("host") ?? authority;
  return {
    method,
    host: named === authority ? named : "?",
    path,
    query,
    headers,
    nowMs,
    secure: url.startsWith("https:"),
    // Most requests are decided without these, and each look at a header costs.
    get address(): string {
      return headers.get("cf-connecting-ip") ?? "";
    },
    get websocket(): boolean {
      return method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket";
    },
  };
}

/**
 * Return a header's name with `-` for `_`; names of the runtime are in lower case.
 *
 * Servers that turn headers into CGI names make both one, so a name that is only ours has to be
 * dropped in all of its spellings.
 */
export function plainName(header: string): string {
  return header.replaceAll("_", "-");
}

/** Return an address cut in pieces, without reading anything into them. */
export function parts(url: string): { authority: string; path: string; query: string } {
  const start = url.indexOf("://") + 3;
  const end = start + url.slice(start).search(/[/?#]|$/);
  const hash = url.indexOf("#", end);
  const rest = hash < 0 ? url.slice(end) : url.slice(end, hash);
  const at = rest.indexOf("?");
  return {
    authority: url.slice(start, end),
    path: at < 0 ? rest : rest.slice(0, at),
    query: at < 0 ? "" : rest.slice(at + 1),
  };
}

/**
 * Return the values of all cookies of a name, in the order sent.
 *
 * A browser sends several when they were set for different paths or domains, and a neighbour on
 * another subdomain can set one; so none may hide the others. The runtime joins several Cookie
 * headers by a comma, which our values never hold.
 */
export function cookies(visit: Visit, name: string): string[] {
  const header = visit.headers.get("cookie");
  if (!header?.includes(name)) return [];
  const found: string[] = [];
  for (const pair of header.split(/[;,]/)) {
    const at = pair.indexOf("=");
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    found.push(
      pair
        .slice(at + 1)
        .trim()
        .replace(/^"+|"+$/g, ""),
    );
    if (found.length === MAX_COOKIES) break;
  }
  return found;
}

/**
 * Say whether a person looks at the answer; else a program reads it.
 *
 * The first rule that applies decides:
 *
 * 1. Methods other than GET, HEAD and POST, and `X-Requested-With`: a program.
 * 2. `Sec-Fetch-Dest`: a page for documents and frames, else a program.
 * 3. `Sec-Fetch-Mode`: a page for `navigate`, else a program.
 * 4. `Accept`: a page if it names HTML, at least as much wanted as JSON.
 */
export function isPage(visit: Visit): boolean {
  const { headers } = visit;
  if (!PAGE_METHODS.has(visit.method) || headers.get("x-requested-with") !== null) return false;
  const destination = headers.get("sec-fetch-dest");
  if (destination) return PAGE_DESTINATIONS.has(destination.trim().toLowerCase());
  const mode = headers.get("sec-fetch-mode");
  if (mode) return mode.trim().toLowerCase() === "navigate";
  const accept = headers.get("accept") ?? "";
  const html = Math.max(wanted(accept, "text/html"), wanted(accept, "application/xhtml+xml"));
  return html > 0 && html >= wanted(accept, "application/json");
}

function wanted(accept: string, mediaType: string): number {
  for (const part of accept.toLowerCase().split(",")) {
    const [name, ...parameters] = part.split(";").map((piece) => piece.trim());
    if (name !== mediaType) continue;
    for (const parameter of parameters) {
      const weight = QUALITY.exec(parameter);
      if (weight) return Number(weight[1]);
    }
    return 1;
  }
  return 0;
}
