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
/** A tab that had a position has to be heard of before its place goes stale, ms. */
const LONGEST_AGAIN_MS = 10_000;

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
 * @param {Board} board
 * @param {number} position The position this tab had; 0 = none.
 * @returns {{connectMs: number, askMs: number}} When to connect, and when to ask by HTTP if that
 *   has failed; ms from now.
 */
export function planArrival({ waiting }, position) {
  const people = waiting ?? 0;
  const connectMs = position > 0
    ? spread(Math.min(position, people), LONGEST_AGAIN_MS)
    : spread(people);
  return { connectMs, askMs: connectMs + jitter(SOCKET_MS) };
}
