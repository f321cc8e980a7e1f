/**
 * One spelling for every path and host, so that no other spelling walks past a room.
 *
 * Two forms of a path come out. `page` is what the origin gets and what a visitor comes back to:
 * as received, unless dot segments or leading double slashes stood in it. `match` is what rooms
 * are compared with: decoded, in lower case, without empty segments, without `;params` and without
 * dots and spaces at the end of a name. Case is ignored on purpose, whatever the origin does:
 * `/Shop` must not walk past `/shop`.
 *
 * Texts from the wire hold one character for each byte (Latin-1).
 */

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]*)(:[0-9]{0,5})?$/;
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*(?<!\.))*\/?$/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** Escapes of control characters, slash and backslash: servers disagree about what they mean. */
const UNCLEAR_ESCAPE = /%([01][0-9A-Fa-f]|7[Ff]|2[Ff]|5[Cc])/;
const BAD_CHARACTER = /[\x00-\x20\x7f\\?#]/;
const NOT_PRINTABLE = /[^\x21-\x7e]/g;

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** A path of a request in its two canonical forms. */
export interface Path {
  /** Percent-encoded; begins with exactly one slash. */
  readonly page: string;
  /** Decoded and in lower case; without trailing slash, except for `/` itself. */
  readonly match: string;
}

/** A path or host that has no clear meaning; the request is refused. */
export class PathError extends Error {}

/** Say whether a path, in the form of `Path.match`, is at or below a prefix of the same form. */
export function within(match: string, prefix: string): boolean {
  if (prefix === "/") return true;
  if (!match.startsWith(prefix)) return false;
  return match.length === prefix.length || match[prefix.length] === "/";
}

/**
 * Return the canonical forms of a path as it came over the wire.
 * @param raw The path without query.
 * @throws PathError If it is no absolute path, or holds a broken escape, a control character, a
 *   backslash, or a slash or backslash as an escape.
 */
export function canonicalPath(raw: string): Path {
  if (raw.startsWith("/") && PLAIN.test(raw)) {
    const end = raw.length > 1 && raw.endsWith("/") ? raw.length - 1 : raw.length;
    return { page: raw, match: raw.slice(0, end).toLowerCase() };
  }
  check(raw);
  const { kept, names, dots, lastIsDot } = walk(raw);
  let page = raw;
  if (dots || raw.startsWith("//")) {
    const slash = kept.length > 0 && (raw.endsWith("/") || lastIsDot) ? "/" : "";
    page = `/${kept.join("/")}${slash}`;
  }
  const match = `/${names.filter((name) => name !== "").join("/")}`.toLowerCase();
  return { page: printable(page), match };
}

/** Return a route's path in the form of `Path.match`; null if no request can be below it. */
export function prefix(path: string): string | null {
  try {
    // Owners write "/büro"; requests have it as UTF-8 escapes.
    return canonicalPath(printable(latin1(path))).match;
  } catch (error) {
    if (error instanceof PathError) return null;
    throw error;
  }
}

/**
 * Return a host in lower case, without port and trailing dot.
 * @throws PathError If it holds characters that no host has.
 */
export function canonicalHost(raw: string): string {
  const found = HOST.exec(raw.toLowerCase());
  if (found === null) throw new PathError("not a host");
  return (found[1] ?? "").replace(/\.+$/, "");
}

/** Escape all that is not printable ASCII, a character for each byte. */
export function printable(raw: string): string {
  return raw.replace(NOT_PRINTABLE, (char) => {
    const code = char.charCodeAt(0);
    return `%${(code < 256 ? code : 63).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

/** Return a text as its UTF-8 bytes, a character for each. */
export function latin1(value: string): string {
  if (!/[^\x00-\x7f]/.test(value)) return value;
  return Array.from(utf8.encode(value), (byte) => String.fromCharCode(byte)).join("");
}

function check(raw: string): void {
  if (!raw.startsWith("/") || BAD_CHARACTER.test(raw)) {
    throw new PathError("not a path, or it holds characters that may not stand in one");
  }
  if (BAD_ESCAPE.test(raw) || UNCLEAR_ESCAPE.test(raw)) {
    throw new PathError("an escape that is broken or has no clear meaning");
  }
}

interface Walked {
  readonly kept: readonly string[];
  readonly names: readonly string[];
  readonly dots: boolean;
  readonly lastIsDot: boolean;
}

function walk(raw: string): Walked {
  const kept: string[] = [];
  const names: string[] = [];
  let dots = false;
  let lastIsDot = false;
  for (const segment of raw.split("/")) {
    if (segment === "") continue;
    const whole = decoded(segment);
    const at = whole.indexOf(";");
    const name = at < 0 ? whole : whole.slice(0, at);
    lastIsDot = name === "." || name === "..";
    if (lastIsDot && at >= 0) {
      // "/x/..;/shop" is /shop to some servers and below /x to others.
      throw new PathError("dot segments with parameters have no clear meaning");
    }
    const trimmed = name.replace(/[ .]+$/, "");
    if (!lastIsDot && trimmed === "" && name.includes(".")) {
      // To Windows "...", ".. " and the like are dot segments, to others they are names.
      throw new PathError("dot segments with further dots or spaces have no clear meaning");
    }
    dots ||= lastIsDot;
    if (name === "..") {
      kept.pop();
      names.pop();
    } else if (name !== ".") {
      kept.push(segment);
      // "/shop." and "/shop%20" are "/shop" to Windows.
      names.push(trimmed);
    }
  }
  return { kept, names, dots, lastIsDot };
}

function decoded(segment: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < segment.length; at++) {
    if (segment[at] === "%") {
      bytes.push(Number.parseInt(segment.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      const code = segment.charCodeAt(at);
      bytes.push(code < 256 ? code : 63);
    }
  }
  return text.decode(new Uint8Array(bytes));
}
