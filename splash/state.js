// @ts-check
/**
 * What the splash page knows, and how each message changes it. Pure: no clock, no network, no
 * page; time comes with the message. The promise kept here: a position shown never climbs without
 * a reason, and none is shown that the server did not name.
 */
import { amount, text } from "./answer.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Board} Board */
/** @typedef {import("./answer.js").Range} Range */
/** @typedef {"connecting"|"live"|"polling"|"reconnecting"} Connection */
/** @typedef {"joining"|"waiting"|"turn"|"closed"|"left"|"missing"|"cookies"} View */
/** @typedef {View|"arrived"|"near"|"paused"|"recovering"} Phase */
/** @typedef {""|"returned"|"replaced"} Reason Why a position climbed. */
/**
 * @typedef {object} Memory What this browser keeps, for a reload or the next tab.
 * @property {number} first The position first seen, from which progress counts.
 * @property {number} best Progress reached, 0 to 1; it never goes back. 1 = it was their turn.
 * @property {number} position The position last shown; 0 = none.
 * @property {number} atMs When it was shown, or when the visitor came; 0 = never here.
 * @property {number} keepS How long the place is kept for a visitor who is away.
 */
/**
 * @typedef {object} State
 * @property {View} view
 * @property {Connection} connection
 * @property {number} awaySinceMs When the connection was lost; 0 while it is there.
 * @property {boolean} elsewhere The room refuses this tab a socket because another tab has one.
 * @property {Board|null} board What everybody is told, until there is an answer.
 * @property {Answer|null} answer The last good one.
 * @property {Memory} memory
 * @property {Reason} reason
 * @property {number} reasonAtMs
 * @property {boolean} replaced The ticket was refused, so the next place is a new one.
 * @property {"no"|"ask"|"sent"|"failed"} leaving
 * @property {number} nowMs
 */
/**
 * @typedef {(
 *   {type: "board", board: Board, nowMs: number} |
 *   {type: "answer", answer: Answer, nowMs: number} |
 *   {type: "connection", connection: Connection} |
 *   {type: "admitted"} | {type: "replaced"} | {type: "join"} |
 *   {type: "message", text: string} |
 *   {type: "error", code: string} |
 *   {type: "leave", leaving: State["leaving"]} | {type: "left"} |
 *   {type: "tick", nowMs: number}
 * )} Message
 */

/** Far back, where positions are estimates, a climb of this share of it is not shown. */
const CLIMB_SHARE = 0.05;
/** How long the reason for a climb stays on screen, ms. */
const REASON_MS = 120_000;
/** A place is taken to be kept this long when the server does not say, s (the default setting). */
const KEEP_S = 600;
/** The wait counts down by itself for at most this long; the server speaks at least so often. */
const COUNTDOWN_MS = 30_000;
/** Out of touch for less than this is not mentioned, ms. */
const AWAY_MS = 3_000;
/** Nearly there: so many people or seconds to go. */
const NEAR = { position: 3, waitS: 60 };

/** @type {Memory} */
const NOTHING = { first: 0, best: 0, position: 0, atMs: 0, keepS: KEEP_S };

/**
 * @param {any} [memory] What was kept of an earlier load, if anything.
 * @param {number} [nowMs]
 * @returns {State}
 */
export function initial(memory, nowMs = 0) {
  const kept =
    typeof memory === "object" && memory !== null &&
    Object.keys(NOTHING).every((name) => amount(memory[name]) !== null) &&
    nowMs - memory.atMs < memory.keepS * 1000;
  return {
    view: "joining",
    connection: "connecting",
    awaySinceMs: 0,
    elsewhere: false,
    board: null,
    answer: null,
    memory: kept ? memory : NOTHING,
    reason: "",
    reasonAtMs: 0,
    replaced: false,
    leaving: "no",
    nowMs,
  };
}

/**
 * @param {State} state
 * @param {Message} message
 * @returns {State} A new state, or the same one when nothing changed.
 */
export function next(state, message) {
  switch (message.type) {
    case "board":
      return state.view === "joining" ? arrived(state, message.board, message.nowMs) : state;
    case "answer":
      return state.view === "left" ? state : answered(state, message.answer, message.nowMs);
    case "connection":
      return connected(state, message.connection);
    case "admitted":
      return state.view === "left" ? state : turn(state);
    case "replaced":
      return { ...state, replaced: true };
    case "join":
      return connected(initial(undefined, state.nowMs), state.connection);
    case "message":
      return state.answer
        ? { ...state, answer: { ...state.answer, message: text(message.text, 500) } }
        : state;
    case "error":
      return failed(state, message.code);
    case "leave":
      return { ...state, leaving: message.leaving };
    case "left":
      return { ...state, view: "left", leaving: "no", memory: NOTHING };
    case "tick":
      return {
        ...state,
        nowMs: message.nowMs,
        reason: message.nowMs - state.reasonAtMs < REASON_MS ? state.reason : "",
      };
  }
}

/**
 * @param {State} state
 * @param {Board} board
 * @param {number} nowMs
 * @returns {State}
 */
function arrived(state, board, nowMs) {
  // Reloading does not begin the wait for the first position anew.
  const memory = state.memory.atMs ? state.memory : { ...NOTHING, atMs: nowMs };
  return { ...state, board, memory };
}

/** @param {State} state @returns {State} */
function turn(state) {
  return { ...state, view: "turn", memory: { ...state.memory, best: 1, atMs: state.nowMs } };
}

/**
 * @param {State} state
 * @param {Answer} answer
 * @param {number} nowMs
 * @returns {State}
 */
function answered(state, answer, nowMs) {
  const title = answer.title || state.answer?.title || "";
  const base = { ...state, answer: { ...answer, title }, nowMs, replaced: false };
  if (answer.status === "admitted") return turn(base);
  if (answer.status === "closed") return { ...base, view: "closed" };
  const seen = state.memory;
  const keepS = answer.keepS ?? KEEP_S;
  const over = seen.best === 1 || nowMs - seen.atMs > keepS * 1000;
  const climb = seen.position === 0 ? 0 : answer.position - seen.position;
  const reason = climb <= 0 ? "" : state.replaced || over ? "replaced" : "returned";
  if (reason !== "replaced" && climb > 0 && climb <= seen.position * CLIMB_SHARE) {
    return { ...base, view: "waiting", memory: { ...seen, atMs: nowMs, keepS } };
  }
  const fresh = seen.first === 0 || seen.best === 1 || reason === "replaced";
  return {
    ...base,
    view: "waiting",
    memory: { ...travelled(fresh ? NOTHING : seen, answer.position), atMs: nowMs, keepS },
    reason: reason || (climb < 0 ? "" : state.reason),
    reasonAtMs: reason ? nowMs : state.reasonAtMs,
  };
}

/**
 * @param {Memory} memory
 * @param {number} position
 * @returns {Memory}
 */
function travelled(memory, position) {
  const first = Math.max(memory.first, position);
  const done = (first - position + 1) / (first + 1);
  return { ...memory, first, best: Math.max(memory.best, done), position };
}

/**
 * @param {State} state
 * @param {string} code
 * @returns {State}
 */
function failed(state, code) {
  switch (code) {
    case "room_not_found":
      return { ...state, view: "missing" };
    case "cookies_blocked":
      return { ...state, view: "cookies" };
    case "already_connected":
      return { ...state, elsewhere: true };
    case "store_unavailable":
      return connected(state, "reconnecting");
    default:
      return state;
  }
}

/**
 * @param {State} state
 * @param {Connection} connection
 * @returns {State}
 */
function connected(state, connection) {
  const away = connection === "reconnecting";
  return {
    ...state,
    connection,
    awaySinceMs: away ? state.awaySinceMs || state.nowMs : 0,
    elsewhere: state.elsewhere && connection !== "live",
  };
}

/**
 * Whether the page has been out of touch long enough to say so; a blink is not worth a word.
 * @param {State} state
 */
export function isAway(state) {
  return state.awaySinceMs > 0 && state.nowMs - state.awaySinceMs >= AWAY_MS;
}

/** @param {Answer|Board} said @returns {"paused"|"recovering"|null} Why nobody moves. */
function held({ roomState }) {
  return roomState === "paused" || roomState === "recovering" ? roomState : null;
}

/**
 * The one thing the page says now.
 * @param {State} state
 * @returns {Phase}
 */
export function phase(state) {
  const { view, answer, board, memory } = state;
  if (view === "joining" && board) return held(board) ?? "arrived";
  if (view !== "waiting" || !answer) return view;
  const hold = held(answer);
  if (hold) return hold;
  const soon = answer.waitS !== null && answer.waitS.high < NEAR.waitS;
  return soon || memory.position <= NEAR.position ? "near" : "waiting";
}

/**
 * The wait left, counted down gently since the server's last word. A line that is held, or a
 * server that is silent for long, does not count down.
 * @param {State} state
 * @returns {Range|null} Seconds; null when unknown.
 */
export function waitLeft(state) {
  const { answer, memory, nowMs } = state;
  if (!answer?.waitS || held(answer)) return null;
  const goneS = Math.min(Math.max(0, nowMs - memory.atMs), COUNTDOWN_MS) / 1000;
  return {
    low: Math.max(0, answer.waitS.low - goneS),
    high: Math.max(0, answer.waitS.high - goneS),
  };
}
