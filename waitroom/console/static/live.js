// @ts-check
// Live figures: ready-made texts by the name of their element, over Socket.IO once a second. Where
// no socket comes about they are asked for every few seconds.

const POLL_MS = 5_000;
/** A screen reader hears of the room's state at most this often. */
const ANNOUNCE_MS = 30_000;

/**
 * Keep the figures of the page alive.
 *
 * @param {HTMLElement} body The page's, with the room and its addresses.
 */
export async function start(body) {
  const { room = "", figures = "", socketio = "" } = body.dataset;
  let live = false;
  setInterval(() => {
    if (!live && !document.hidden) poll(figures);
  }, POLL_MS);
  const { io } = await import(socketio);
  const socket = io({ path: "/console/socket.io", transports: ["websocket"] });
  const watch = () => socket.emit("watch", { room });
  socket.on("connect", watch);
  socket.on("figures", (/** @type {Told} */ told) => {
    live = true;
    show(told);
  });
  socket.on("disconnect", () => (live = false));
  // Signed out elsewhere, or the room is gone: the page says so when it is loaded again.
  socket.on("gone", () => location.reload());
}

/** @typedef {{ state: string, texts: Record<string, string>, bar: [number, number] }} Told */

/** @param {string} address */
async function poll(address) {
  const answer = await fetch(address, { headers: { accept: "application/json" } }).catch(() => null);
  if (answer?.ok) show(await answer.json());
}

let announced = 0;

/** @param {Told} told */
function show({ state, texts, bar }) {
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
