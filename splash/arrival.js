// @ts-check
/**
 * How the page arrives. The edge has given the ticket, as a rule, and the page cannot see it. So
 * it costs the service nothing until its socket connects: it reads the board, which the edge
 * keeps for everybody, and takes a moment of its own in a time that grows with the line.
 */
import { readBoard } from "./answer.js";
import { jitter, spread } from "./clock.js";

/** @typedef {import("./answer.js").Board} Board */

const TIMEOUT_MS = 4_000;
/** A socket that is not up so long after its moment is not waited for, ms. */
const SOCKET_MS = 4_000;
/** An open tab hears news at least so often: it may have been open until a moment ago, ms. */
const NEWS_MS = 30_000;
/**
 * Its reload, ms: the last heartbeat is up to 15 s old, and the shortest `heartbeat_ttl_s` is 30 s.
 * For whoever was away longer the place may be about to lapse.
 */
const AGAIN_MS = { shortest: 1_000, longest: 10_000 };
/** After a loss the places are collected for `recovery_hold_s` only, which may be short, ms. */
const RECOVERY_MS = 3_000;

/**
 * @param {string} room
 * @returns {Promise<Board|null>} Null when it cannot be had.
 */
export async function fetchBoard(room) {
  try {
    const response = await fetch(`/__waitroom/${encodeURIComponent(room)}/board`, {
      // Nothing personal: what an edge keeps for everybody must not differ for anybody.
      credentials: "omit",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? readBoard(await response.json(), room) : null;
  } catch {
    return null;
  }
}

/**
 * Only a fresh arrival is spread long: it stands at the end of the line. Of anybody else the turn
 * may be near, so they wait no longer than those before them can take.
 * @param {Board} board
 * @param {import("./state.js").Memory} memory What this browser kept of an earlier look.
 * @param {number} nowMs
 * @returns {{connectMs: number, askMs: number}} When to connect, and when to ask by HTTP if that
 *   has failed; ms from now.
 */
export function planArrival({ roomState, waiting, admittedPerMinute }, memory, nowMs) {
  const people = waiting ?? 0;
  const seen = memory.atMs > 0;
  const goneMs = seen ? nowMs - memory.atMs : 0;
  const passed = (admittedPerMinute ?? 0) * (goneMs / 60_000);
  const ahead = Math.max(0, Math.min(memory.position || people, people) - passed);
  const { shortest, longest } = AGAIN_MS;
  const longestMs = Math.min(
    seen ? Math.max(shortest, Math.min(longest, NEWS_MS + longest - goneMs)) : Infinity,
    roomState === "recovering" ? RECOVERY_MS : Infinity,
  );
  const connectMs = spread(ahead, longestMs);
  return { connectMs, askMs: connectMs + jitter(SOCKET_MS) };
}
