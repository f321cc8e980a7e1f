// @ts-check
/**
 * The page's sure way to the server, enough by itself: take the place by HTTP, then ask for news
 * in one chain of requests, at the pace that the server names. While the socket brings the news,
 * asking slows down to an insurance against lost messages.
 */
import { readAnswer } from "./answer.js";
import { growing, jitter } from "./clock.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./state.js").Message} Message */
/** @typedef {ReturnType<typeof makeAsking>} Asking */

/** Asking while the socket works, ms. */
const INSURANCE_MS = 60_000;
/** Never ask sooner than this after an answer, whatever the server names, ms. */
const FLOOR_MS = 2_000;
const TIMEOUT_MS = 10_000;
/** So many tickets in a row refused, and the browser does not keep cookies. */
const REFUSALS = 3;

/**
 * @param {object} options
 * @param {string} options.room
 * @param {import("./clock.js").Clock} options.clock
 * @param {(message: Message) => void} options.tell
 * @param {() => boolean} options.isLive Whether the socket brings the news.
 * @param {(answer: Answer) => void} options.heard Called at every good answer.
 * @param {() => void} options.stopped Called when the ticket counts no more.
 */
export function makeAsking({ room, clock, tell, isLive, heard, stopped }) {
  const base = `/__waitroom/${encodeURIComponent(room)}`;
  /** Rises at every start and stop, so that an answer to an earlier life is dropped. */
  let life = 0;
  let running = false;
  let entered = false;
  /** The first request is to come later; until then the edge's ticket is taken to be there. */
  let planned = false;
  let asking = false;
  let failures = 0;
  let refusals = 0;
  let alarm = 0;

  /** @param {"GET"|"POST"} method @param {string} verb */
  async function request(method, verb) {
    const response = await fetch(`${base}/${verb}`, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = await response.json().catch(() => null);
    const retryMs = 1000 * Number(response.headers.get("Retry-After") ?? 0);
    return { status: response.status, body, retryMs: retryMs > 0 ? retryMs : 0 };
  }

  /** @param {number} ms */
  function after(ms) {
    clock.clear(alarm);
    if (running) alarm = clock.set(ask, ms);
  }

  async function ask() {
    if (asking || !running) return;
    asking = true;
    planned = false;
    const mine = life;
    let pauseMs = 0;
    try {
      const reply = await request(entered ? "GET" : "POST", entered ? "status" : "enter");
      if (mine === life) pauseMs = read(reply);
    } catch {
      if (mine === life) pauseMs = failed(0);
    } finally {
      asking = false;
    }
    after(pauseMs);
  }

  /**
   * @param {Awaited<ReturnType<typeof request>>} reply
   * @returns {number} When to ask again, ms.
   */
  function read({ status, body, retryMs }) {
    if (status === 401) return refused();
    if (status === 404 && body?.error === "room_not_found") {
      stop();
      tell({ type: "error", code: "room_not_found" });
      return 0;
    }
    const answer = status === 200 ? readAnswer(body, room) : null;
    if (!answer) return failed(retryMs);
    failures = 0;
    if (entered) refusals = 0;
    // A closed room gives newcomers no ticket: they ask for a place again until it opens.
    entered ||= answer.status !== "closed";
    if (!isLive()) tell({ type: "connection", connection: "polling" });
    tell({ type: "answer", answer, nowMs: Date.now() });
    heard(answer);
    if (isLive()) return jitter(INSURANCE_MS);
    return jitter(Math.max(FLOOR_MS, answer.pollAfterS * 1000, retryMs));
  }

  /** @param {number} retryMs What the server asked for; 0 = nothing. */
  function failed(retryMs) {
    failures += 1;
    if (!isLive()) tell({ type: "connection", connection: "reconnecting" });
    return Math.max(jitter(retryMs), growing(failures));
  }

  /** The ticket does not count: take a new place. @returns {number} When, ms. */
  function refused() {
    refusals += 1;
    stopped();
    if (refusals > REFUSALS) {
      stop();
      tell({ type: "error", code: "cookies_blocked" });
      return 0;
    }
    if (entered) tell({ type: "replaced" });
    entered = false;
    return refusals === 1 ? Math.random() * 500 : growing(refusals);
  }

  /** @param {number} [afterMs] When, if `registered` is not called before; 0 = now. */
  function start(afterMs = 0) {
    life += 1;
    running = true;
    entered = false;
    refusals = 0;
    planned = afterMs > 0;
    if (planned) after(afterMs);
    else void ask();
  }

  /** The socket was taken in, so the ticket counts and the news comes that way. */
  function registered() {
    planned = false;
    entered = true;
    after(jitter(INSURANCE_MS));
  }

  function stop() {
    life += 1;
    running = false;
    clock.clear(alarm);
  }

  /** @returns {Promise<boolean>} Whether the server knows that the place is given up. */
  async function leave() {
    stop();
    try {
      const { status } = await request("POST", "leave");
      // 401: there is no place to give up.
      if (status < 400 || status === 401) return true;
    } catch {
      // As any other failure: the place is kept.
    }
    running = true;
    after(FLOOR_MS);
    return false;
  }

  return {
    start,
    stop,
    leave,
    /** Ask after so many ms, whatever was planned. */
    after,
    registered,
    /** @returns {boolean} Whether the first request is still to come, at its planned time. */
    isPlanned: () => running && planned,
    /** @returns {boolean} Whether there is a ticket to show, as far as the page can know. */
    hasTicket: () => running && (entered || planned),
  };
}
