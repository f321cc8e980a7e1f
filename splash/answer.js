// @ts-check
/**
 * Reads what the server says, so that nothing malformed gets further: its answers to one visitor,
 * and the board, which tells everybody the same.
 */

/** @typedef {"open"|"queueing"|"paused"|"recovering"|"suspended"|"closed"} RoomState */
/**
 * @typedef {object} Said What board and answer have in common.
 * @property {RoomState} roomState
 * @property {number|null} waiting People in the line.
 * @property {number|null} admittedPerMinute
 * @property {string} message The organiser's; empty when there is none.
 * @property {string} title The room's; empty when it has none.
 */
/** @typedef {Said & {queueing: boolean}} Board Queueing: newcomers have to wait. */
/**
 * @typedef {object} Personal
 * @property {"waiting"|"admitted"|"closed"} status
 * @property {number} position 1-based; 0 unless waiting.
 * @property {Range|null} waitS Null when unknown.
 * @property {number} pollAfterS
 * @property {number|null} keepS How long a place is kept for a visitor who is away.
 */
/** @typedef {Said & Personal} Answer One answer of `enter`, `status` or `queue_update`. */
/** @typedef {{low: number, high: number}} Range Seconds. */

const STATUSES = ["waiting", "admitted", "closed"];
const ROOM_STATES = ["open", "queueing", "paused", "recovering", "suspended", "closed"];

/**
 * @param {unknown} value
 * @returns {number|null} The value if it is a number from 0 up.
 */
export function amount(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}

/**
 * @param {unknown} value
 * @param {number} longest
 * @returns {string}
 */
export function text(value, longest) {
  return typeof value === "string" ? value.slice(0, longest) : "";
}

/** @param {any} raw @returns {Said} */
function said(raw) {
  return {
    roomState: ROOM_STATES.includes(raw.state) ? raw.state : "queueing",
    waiting: amount(raw.waiting),
    admittedPerMinute: amount(raw.admitted_per_minute),
    message: text(raw.message, 500),
    title: text(raw.title, 120),
  };
}

/**
 * Read the board.
 * @param {any} raw Anything at all.
 * @param {string} room
 * @returns {Board|null} Null when it is not this room's board.
 */
export function readBoard(raw, room) {
  if (typeof raw !== "object" || raw === null || raw.room !== room) return null;
  return typeof raw.queueing === "boolean" ? { ...said(raw), queueing: raw.queueing } : null;
}

/**
 * Read an answer of the server.
 * @param {any} raw Anything at all.
 * @param {string} room
 * @returns {Answer|null} Null when what matters is malformed; other fields are emptied.
 */
export function readAnswer(raw, room) {
  if (typeof raw !== "object" || raw === null || !STATUSES.includes(raw.status)) return null;
  if (raw.room !== undefined && raw.room !== room) return null;
  const waiting = raw.status === "waiting";
  if (waiting && !(Number.isSafeInteger(raw.position) && raw.position > 0)) return null;
  const low = amount(raw.wait_s?.low);
  const high = amount(raw.wait_s?.high);
  return {
    status: raw.status,
    position: waiting ? raw.position : 0,
    ...said(raw),
    waitS: low !== null && high !== null && low <= high ? { low, high } : null,
    pollAfterS: amount(raw.poll_after_s) ?? 5,
    keepS: amount(raw.place_ttl_s),
  };
}
