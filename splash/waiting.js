// @ts-check
/**
 * The splash page, put together: each message from the server, the visitor or the clock changes
 * the state (`state.js`), the state is rendered (`render.js`), and once it is the visitor's turn
 * the page goes in. The page is the same for everybody; the room is read from the address.
 */
import { readAddress } from "./address.js";
import { fetchBoard, planArrival } from "./arrival.js";
import { makeAsking } from "./asking.js";
import { makeClock, spread } from "./clock.js";
import { element, makeRender, write } from "./render.js";
import { initial, next, phase } from "./state.js";
import { makeTexts, pickLocale } from "./text.js";

const page = document.documentElement;
const { lang, dataset } = page;
const { room, goUrl, wanted, unsent } = readAddress(location, dataset);

/** More trips than this in a minute that led back here, and the visitor goes by hand. */
const TRIPS = 3;

/** Kept for all tabs, which share the ticket, or for this tab alone. */
/** @typedef {"localStorage"|"sessionStorage"} Kept */

/** @param {Kept} kept @param {string} name @returns {any} Null: there is nothing, or no storage. */
function recall(kept, name) {
  try {
    return JSON.parse(window[kept].getItem(`waitroom:${room}:${name}`) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Kept} kept @param {string} name @param {unknown} value */
function remember(kept, name, value) {
  try {
    window[kept].setItem(`waitroom:${room}:${name}`, JSON.stringify(value));
  } catch {
    // Without storage a reload forgets how far the line has come; nothing else.
  }
}

const texts = JSON.parse(element("texts").textContent ?? "{}");
const say = makeTexts(texts, lang, pickLocale(lang, navigator.languages));
const render = makeRender(say);
let state = initial(recall("localStorage", "memory"), Date.now());
let gone = false;

/** @param {import("./state.js").Message} message */
function tell(message) {
  const before = state;
  state = next(state, message);
  if (state.memory !== before.memory) remember("localStorage", "memory", state.memory);
  render(state);
  const now = phase(state);
  if (now !== "turn") gone = false;
  else if (!gone) go();
  if (now === "missing") element("go").setAttribute("href", wanted);
}

/** Go in, at once and also in a hidden tab; but not round in circles. */
function go() {
  gone = true;
  element("go").setAttribute("href", goUrl);
  const minuteAgo = Date.now() - 60_000;
  const past = recall("sessionStorage", "trips");
  const trips = (Array.isArray(past) ? past : []).filter((at) => at > minuteAgo);
  if (trips.length >= TRIPS) return;
  remember("sessionStorage", "trips", [...trips, Date.now()]);
  // The way back from the site then leads to where the visitor came from, not to this page.
  location.replace(goUrl);
}

/** @type {ReturnType<typeof import("./live.js").makeLive>|undefined} */
let live;
const clock = makeClock(dataset.heartbeat ?? "");
const asking = makeAsking({
  room,
  clock,
  tell,
  isLive: () => live?.isLive() ?? false,
  heard: ({ status, position }) => {
    if (status === "waiting") void connect(spread(position) + Math.random() * 1_000);
  },
  stopped: () => live?.close(),
});
void arrive();

/** In a room with a line the socket comes first; in an open one the visitor goes in at once. */
async function arrive() {
  const board = await fetchBoard(room);
  if (!board?.queueing) return asking.start();
  const nowMs = Date.now();
  // Whoever sends a form was inside, most likely: there may be a seat, and no line to wait for.
  const line = unsent ? { ...board, waiting: 0 } : board;
  const { connectMs, askMs } = planArrival(line, state.memory, nowMs);
  tell({ type: "board", board, nowMs });
  asking.start(askMs);
  return connect(connectMs);
}

/**
 * Fetch what the live connection needs, only now that something is shown.
 * @param {number} afterMs
 */
async function connect(afterMs) {
  if (!live) {
    const found = await import("./live.js").catch(() => null);
    if (!found) return;
    live ??= found.makeLive({ room, url: dataset.socketio ?? "", clock, tell, asking });
  }
  live.start(afterMs);
}

let wokenMs = 0;
function wake() {
  if (document.hidden || asking.isPlanned() || Date.now() - wokenMs < 3_000) return;
  wokenMs = Date.now();
  asking.after(Math.random() * 1_000);
  live?.wake();
}
document.addEventListener("visibilitychange", wake);
addEventListener("online", wake);
addEventListener("pageshow", (event) => event.persisted && wake());

element("leave").addEventListener("click", () => {
  tell({ type: "leave", leaving: "ask" });
  element("leave-no").focus();
});
element("leave-no").addEventListener("click", () => {
  tell({ type: "leave", leaving: "no" });
  element("leave").focus();
});
element("leave-sure").addEventListener("click", async () => {
  tell({ type: "leave", leaving: "sent" });
  live?.close();
  if (await asking.leave()) {
    tell({ type: "left" });
    element("join").focus();
  } else {
    tell({ type: "leave", leaving: "failed" });
  }
});
element("join").addEventListener("click", () => {
  tell({ type: "join" });
  asking.start();
});
element("retry").addEventListener("click", () => location.reload());

element("host").textContent = location.hostname;
if (unsent) write("unsent", say.say("unsent"));
setInterval(() => tell({ type: "tick", nowMs: Date.now() }), 1_000);
