// @ts-check
/**
 * The splash page as an owner looks at it before publishing: one fixed answer, by the same state
 * and rendering as for visitors. It asks nobody and leads nowhere.
 */
import { readAnswer } from "./answer.js";
import { element, makeRender } from "./render.js";
import { initial, next } from "./state.js";
import { makeTexts, pickLocale } from "./text.js";

/** @typedef {import("./state.js").Message} Message */

/** What the service would answer, by the name of the state. */
const ANSWERS = {
  waiting: {},
  nearly_there: { position: 2, wait_s: { low: 20, high: 50 } },
  your_turn: { status: "admitted" },
  paused: { state: "paused", wait_s: null },
  closed: { status: "closed", state: "closed" },
  reconnecting: {},
  message: {},
};

const { lang, dataset } = document.documentElement;
const nowMs = Date.now();

/** @param {object} changes @returns {Message} */
function answer(changes) {
  const raw = {
    status: "waiting", state: "queueing", position: 1234, waiting: 5678,
    admitted_per_minute: 180, wait_s: { low: 380, high: 530 }, place_ttl_s: 600,
    title: dataset.title, message: dataset.message, ...changes,
  };
  const found = readAnswer(raw, "");
  if (!found) throw new Error("The preview's answer is not one.");
  return { type: "answer", answer: found, nowMs };
}

/** @param {string} name @returns {Message[]} */
function messages(name) {
  const changes = ANSWERS[/** @type {keyof typeof ANSWERS} */ (name)] ?? {};
  /** @type {Message[]} */
  const found = [
    { type: "connection", connection: "live" },
    // The first answer sets out the way; the line has moved since.
    answer({ position: 4321, wait_s: { low: 1300, high: 1900 } }),
    answer(changes),
  ];
  if (name === "reconnecting") {
    found.push(
      { type: "connection", connection: "reconnecting" },
      { type: "tick", nowMs: nowMs + 5_000 },
    );
  }
  return found;
}

const texts = JSON.parse(element("texts").textContent ?? "{}");
const render = makeRender(makeTexts(texts, lang, pickLocale(lang, navigator.languages)));
element("host").textContent = location.hostname;
render(messages(dataset.preview ?? "").reduce(next, initial(undefined, nowMs)));

document.addEventListener("click", (event) => event.preventDefault(), true);
document.addEventListener("submit", (event) => event.preventDefault(), true);
