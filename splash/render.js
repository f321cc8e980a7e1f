// @ts-check
/**
 * Puts a state on the page, and says the important of it to screen readers. Text goes in as
 * `textContent` only. Rendering the same state twice changes nothing.
 */
import { isAway, phase, waitLeft } from "./state.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./text.js").Say} Say */

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found;
}

/**
 * Set a text; an empty one hides the element, and with it what `data-with` names it.
 * @param {string} id
 * @param {string} words
 */
export function write(id, words) {
  const target = element(id);
  if (target.textContent !== words) target.textContent = words;
  show(target.closest("[data-with]") ?? target, words !== "");
}

/** @param {Element} target @param {boolean} visible */
function show(target, visible) {
  if (target.hasAttribute("hidden") === visible) target.toggleAttribute("hidden", !visible);
}

/** @param {string} id @param {string} name @param {string} value */
function attribute(id, name, value) {
  const target = element(id);
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

/**
 * @typedef {object} Spoken What a screen reader was told last.
 * @property {import("./state.js").Phase} phase
 * @property {number} position
 * @property {string} message
 * @property {boolean} away
 * @property {number} atMs
 */

/** Between two announcements of a position, ms; a change of state is announced at once. */
const SPEAK_MS = 30_000;

/**
 * Decide whether now is the time to announce something.
 * @param {Spoken|null} last
 * @param {State} state
 * @returns {Spoken|null} What is to be announced; null for silence.
 */
export function speech(last, state) {
  const now = {
    phase: phase(state),
    position: state.memory.position,
    message: state.answer?.message ?? "",
    away: isAway(state),
    atMs: state.nowMs,
  };
  if (last === null || last.phase !== now.phase || (now.message && last.message !== now.message)) {
    return now;
  }
  if (now.atMs - last.atMs < SPEAK_MS) return null;
  if (last.away !== now.away) return now;
  const moved = Math.abs(last.position - now.position);
  return moved >= Math.max(1, last.position * 0.1) ? now : null;
}

/**
 * @param {Say} say
 * @returns {(state: State) => void}
 */
export function makeRender(say) {
  /** @type {Spoken|null} */
  let spoken = null;

  return function render(state) {
    const now = phase(state);
    const { answer, memory } = state;
    const said = answer ?? state.board;
    const away = isAway(state);
    const inLine = state.view === "waiting";
    const heading = say.say(`heading_${now === "arrived" ? "waiting" : now}`);
    const page = document.documentElement;
    if (page.dataset.phase !== now) page.dataset.phase = now;
    if (page.dataset.connection !== state.connection) page.dataset.connection = state.connection;

    document.title = inLine
      ? say.say("document_title", { position: say.number(memory.position), headline: heading })
      : heading;
    if (said?.title) write("title", said.title);
    write("heading", heading);
    write("detail", say.say(state.view === "joining" && away ? "detail_joining_reconnecting" : `detail_${now}`));
    write("connection", ["turn", "left", "missing", "cookies"].includes(now)
      ? "" : say.say(`connection_${state.connection}`));

    door(state, now, inLine);
    const wait = say.wait(waitLeft(state));
    write("wait", inLine ? wait : "");
    const rate = Math.round(said?.admittedPerMinute ?? 0);
    const moving = ["arrived", "waiting", "near"].includes(now);
    write("rate", moving && rate ? say.count("rate", rate) : "");
    write("reason", inLine && state.reason ? say.say(`reason_${state.reason}`) : "");
    write("trouble", inLine && away
      ? say.say("reconnecting_since", { time: say.time(memory.atMs) }) : "");
    write("elsewhere", inLine && state.elsewhere ? say.say("elsewhere") : "");
    const heard = inLine || now === "closed" || state.view === "joining";
    write("message", heard ? said?.message ?? "" : "");
    write("keep", !inLine ? ""
      : answer?.keepS ? say.say("keep", { time: say.keep(answer.keepS) }) : say.say("keep_soon"));
    controls(state, now, inLine);

    const news = speech(spoken, state);
    if (news === null) return;
    spoken = news;
    const summary = inLine
      ? say.say("spoken", { heading, position: say.number(memory.position), wait })
      : `${heading}. ${element("detail").textContent}`;
    const extra = ["reason", "trouble", "message"].map((id) => element(id).textContent);
    element("announcement").textContent = [summary, ...extra].filter(Boolean).join(" ");
  };

  /**
   * The door: how far the light has risen, and the position in it.
   * @param {State} state
   * @param {import("./state.js").Phase} now
   * @param {boolean} inLine
   */
  function door({ answer, board, memory }, now, inLine) {
    const number = inLine ? say.number(memory.position) : "";
    const shown = element("position");
    write("position-label", inLine ? say.say("position_label") : "");
    if (shown.textContent !== number) {
      shown.textContent = number;
      shown.style.setProperty("--digits", String(Math.max(3, number.length)));
    }
    const waiting = Math.max(answer?.waiting ?? 0, memory.position);
    const before = now === "arrived" ? board?.waiting : 0;
    write("position-of", inLine && answer?.waiting ? say.count("position_of", waiting)
      : before ? say.count("people_waiting", before) : "");
    const progress = now === "turn" ? 1 : inLine ? memory.best : 0;
    const percent = String(Math.round(progress * 1000) / 10);
    attribute("progress", "value", percent);
    show(element("progress"), inLine);
    document.documentElement.style.setProperty("--progress", String(Number(percent) / 100));
  }

  /**
   * @param {State} state
   * @param {import("./state.js").Phase} now
   * @param {boolean} inLine
   */
  function controls({ leaving }, now, inLine) {
    const asking = inLine && leaving !== "no";
    show(element("leave"), inLine && !asking);
    show(element("leave-ask"), asking);
    write("leave-question", say.say(leaving === "failed" ? "leave_failed" : "leave_question"));
    element("leave-sure").toggleAttribute("disabled", leaving === "sent");
    show(element("join"), now === "left");
    show(element("retry"), now === "cookies");
    show(element("go"), now === "turn" || now === "missing");
    write("go-text", say.say(now === "missing" ? "go_missing" : "go"));
  }
}
