// @ts-check
// Live figures: ready-made texts by the name of their element, over Socket.IO once a second. Where
// no socket comes about they are asked for every few seconds, and when none come the page says so.

import { fresh, stale } from "./stale.js";

const LOOK_MS = 2_000;
/** Figures older than this are asked for. */
const OLD_MS = 4_000;
const PATIENCE_MS = 3_000;
/** A screen reader hears of the room's state at most this often. */
const ANNOUNCE_MS = 30_000;

/**
 * Keep the figures of the page alive.
 *
 * @param {HTMLElement} body The page's, with the room and its addresses.
 */
export async function start(body) {
  const { room = "", figures = "", socketio = "" } = body.dataset;
  // A socket that hangs says nothing either: what counts is when figures came last.
  const ask = () => {
    if (!document.hidden && performance.now() - shownMs > OLD_MS) poll(figures);
  };
  setInterval(ask, LOOK_MS);
  document.addEventListener("visibilitychange", ask);
  const { io } = await import(socketio);
  const socket = io({ path: "/console/socket.io", transports: ["websocket"] });
  const watch = () => socket.emit("watch", { room });
  socket.on("connect", watch);
  socket.on("figures", show);
  socket.on("fault", () => stale(503));
  socket.on("disconnect", () => (shownMs = -Infinity));
  // Signed out elsewhere, or the room is gone: the page says so when it is loaded again.
  socket.on("gone", () => location.reload());
}

/** @typedef {{ state: string, texts: Record<string, string>, bar: [number, number] }} Told */

/** @param {string} address */
async function poll(address) {
  const answer = await fetch(address, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch(() => null);
  if (answer?.ok) show(await answer.json());
  // As with a socket: signed out elsewhere, or the room is gone.
  else if ([401, 403, 404].includes(answer?.status ?? 0)) location.reload();
  else stale(answer?.status ?? 0);
}

let shownMs = performance.now();
let announced = 0;

/** @param {Told} told */
function show({ state, texts, bar }) {
  shownMs = performance.now();
  fresh();
  for (const found of document.querySelectorAll("[data-live]")) {
    const text = texts[/** @type {HTMLElement} */ (found).dataset.live ?? ""];
    if (text !== undefined && found.textContent !== text) found.textContent = text;
  }
  for (const found of document.querySelectorAll("progress[data-live-bar]")) {
    const seats = /** @type {HTMLProgressElement} */ (found);
    [seats.value, seats.max] = bar;
  }
  for (const found of document.querySelectorAll("[data-live-state]")) {
    const badge = /** @type {HTMLElement} */ (found);
    if (badge.dataset.state === state) continue;
    badge.dataset.state = state;
    badge.textContent = texts.state ?? state;
    announced = 0;
  }
  const now = performance.now();
  const announcement = document.querySelector("[data-announce]");
  if (announcement && (announced === 0 || now - announced > ANNOUNCE_MS)) {
    announced = now;
    announcement.textContent = texts.sentence ?? "";
  }
}
