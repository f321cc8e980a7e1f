// @ts-check
/**
 * The splash page, put together: each message from the server, the visitor or the clock changes
 * the state (`state.js`), the state is rendered (`render.js`), and once it is the visitor's turn
 * the page goes in. The page is the same for everybody; the room is read from the address.
 */
import { makeAsking } from "./asking.js";
import { makeClock } from "./clock.js";
import { element, makeRender } from "./render.js";
import { initial, next, phase } from "./state.js";
import { makeTexts, pickLocale } from "./text.js";

const page = document.documentElement;
const { lang, dataset } = page;
const room =
  /^\/__waitroom\/([^/]+)\/?$/.exec(location.pathname)?.[1] ?? dataset.room ?? "";
const inPlace = !location.pathname.startsWith("/__waitroom/");
const returnTo = inPlace
  ? location.pathname + location.search
  : new URLSearchParams(location.search).get("return_to") ?? "/";
const goUrl = `/__waitroom/${room}/go?return_to=${encodeURIComponent(returnTo)}`;

/** More trips than this in a minute that led back here, and the visitor goes by hand. */
const TRIPS = 3;

/** @param {string} name @returns {any} Null where there is nothing, or no storage. */
function recall(name) {
  try {
    return JSON.parse(sessionStorage.getItem(`waitroom:${room}:${name}`) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {unknown} value */
function remember(name, value) {
  try {
    sessionStorage.setItem(`waitroom:${room}:${name}`, JSON.stringify(value));
  } catch {
    // Without storage a reload forgets how far the line has come; nothing else.
  }
}

/** @returns {string} The page wanted, if it is on this host; else the host's first page. */
function wanted() {
  try {
    const url = new URL(returnTo, location.origin);
    return url.origin === location.origin ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

const texts = JSON.parse(element("texts").textContent ?? "{}");
const render = makeRender(makeTexts(texts, lang, pickLocale(lang, navigator.languages)));
let state = initial(recall("memory"), Date.now());
let gone = false;

/** @param {import("./state.js").Message} message */
function tell(message) {
  const before = state;
  state = next(state, message);
  if (state.memory !== before.memory) remember("memory", state.memory);
  render(state);
  const now = phase(state);
  if (now !== "turn") gone = false;
  else if (!gone) go();
  if (now === "missing") element("go").setAttribute("href", wanted());
}

/** Go in, at once and also in a hidden tab; but not round in circles. */
function go() {
  gone = true;
  element("go").setAttribute("href", goUrl);
  const minuteAgo = Date.now() - 60_000;
  const past = recall("trips");
  const trips = (Array.isArray(past) ? past : []).filter((at) => at > minuteAgo);
  if (trips.length >= TRIPS) return;
  remember("trips", [...trips, Date.now()]);
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
  heard: (answer) => void connect(answer.waiting ?? 0),
  stopped: () => live?.close(),
});
asking.start();

/**
 * The place is taken and shown; only now fetch what the live connection needs.
 * @param {number} waiting People in the line.
 */
async function connect(waiting) {
  if (!live) {
    const found = await import("./live.js").catch(() => null);
    if (!found) return;
    live ??= found.makeLive({ room, url: dataset.socketio ?? "", clock, tell, asking });
  }
  live.start(waiting);
}

let wokenMs = 0;
function wake() {
  if (document.hidden || Date.now() - wokenMs < 3_000) return;
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
setInterval(() => tell({ type: "tick", nowMs: Date.now() }), 1_000);
