// @ts-check
/**
 * What the page's own address says: the room, and where the visitor goes after the wait. At its
 * own address that stands in `return_to`; shown in place, it is the address itself. A fragment
 * never reaches a server: the browser carries it along, and it is put back here. Pure.
 */

/** Longest `return_to` that the service takes. */
const LONGEST = 2_048;

/**
 * @typedef {object} Place
 * @property {string} room
 * @property {string} returnTo Untrusted; the service checks it.
 * @property {string} goUrl Where a visitor goes whose turn it is.
 * @property {string} wanted `returnTo` if it is on this host, else the host's first page.
 * @property {boolean} unsent What a form sent has met the line, and was not kept.
 */

/**
 * @param {{origin: string, pathname: string, search: string, hash: string}} address
 * @param {Record<string, string|undefined>} page What an edge has noted on a page in place: `room`,
 *   `unsent`.
 * @returns {Place}
 */
export function readAddress({ origin, pathname, search, hash }, page) {
  const room = /^\/__waitroom\/([^/]+)\/?$/.exec(pathname)?.[1] ?? page.room ?? "";
  const inPlace = !pathname.startsWith("/__waitroom/");
  const query = new URLSearchParams(search);
  const asked = inPlace
    ? shortened(pathname.replace(/^\/+/, "/"), escaped(search))
    : query.get("return_to") ?? "/";
  const returnTo = asked.includes("#") ? asked : shortened(asked, escaped(hash));
  return {
    room,
    returnTo,
    goUrl: `/__waitroom/${room}/go?return_to=${encodeURIComponent(returnTo)}`,
    wanted: onHost(returnTo, origin),
    unsent: inPlace ? page.unsent !== undefined : query.get("unsent") === "1",
  };
}

/** The service takes a backslash for a trick; escaped it means the same. @param {string} part */
const escaped = (part) => part.replaceAll("\\", "%5C");

/** @param {string} page @param {string} more Left out where it would be too much. */
const shortened = (page, more) => (page.length + more.length <= LONGEST ? page + more : page);

/** @param {string} returnTo @param {string} origin */
function onHost(returnTo, origin) {
  try {
    const url = new URL(returnTo, origin);
    return url.origin === origin ? url.pathname + url.search + url.hash : "/";
  } catch {
    return "/";
  }
}
