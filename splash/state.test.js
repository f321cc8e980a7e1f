import assert from "node:assert/strict";
import { test } from "node:test";
import { readAnswer, readBoard } from "./answer.js";
import { initial, isAway, next, phase, waitLeft } from "./state.js";

const ANSWER = {
  room: "shop",
  status: "waiting",
  state: "queueing",
  position: 100,
  waiting: 340,
  active: 200,
  wait_s: { low: 120, high: 240 },
  admitted_per_minute: 30,
  message: null,
  poll_after_s: 5,
};

/** @param {object} changes */
function answer(changes = {}) {
  const read = readAnswer({ ...ANSWER, ...changes }, "shop");
  assert.ok(read);
  return read;
}

/**
 * @param {import("./state.js").State} state
 * @param {object} changes
 * @param {number} nowMs
 */
const hear = (state, changes = {}, nowMs = 1_000) =>
  next(state, { type: "answer", answer: answer(changes), nowMs });

const waiting = hear(initial());

test("an answer puts the visitor in the line", () => {
  assert.equal(phase(initial()), "joining");
  assert.equal(phase(waiting), "waiting");
  assert.equal(waiting.memory.position, 100);
});

/** @param {object} changes */
function told(changes = {}) {
  const board = readBoard({ room: "shop", queueing: true, ...changes }, "shop");
  assert.ok(board);
  return next(initial(), { type: "board", board, nowMs: 1_000 });
}

test("before the first answer the board says what it can, and no position", () => {
  const arrived = told({ waiting: 12_000, message: "Hello" });
  assert.equal(phase(arrived), "arrived");
  assert.equal(arrived.board?.waiting, 12_000);
  assert.equal(arrived.memory.position, 0);
  assert.equal(waitLeft(arrived), null);
  assert.equal(phase(told({ state: "paused" })), "paused");
  assert.equal(phase(told({ state: "recovering" })), "recovering");
  assert.equal(phase(hear(arrived)), "waiting");
});

test("a board that comes late changes nothing", () => {
  const board = told().board;
  assert.ok(board);
  assert.equal(next(waiting, { type: "board", board, nowMs: 2_000 }), waiting);
});

test("whoever joins again starts without the old board", () => {
  assert.equal(phase(next(told(), { type: "join" })), "joining");
});

test("malformed answers are not read", () => {
  const bad = [
    null, 3, "waiting", [], {},
    { ...ANSWER, status: "other" },
    { ...ANSWER, position: null },
    { ...ANSWER, position: 0 },
    { ...ANSWER, position: -4 },
    { ...ANSWER, position: 1.5 },
    { ...ANSWER, position: "12" },
    { ...ANSWER, room: "other" },
  ];
  for (const raw of bad) assert.equal(readAnswer(raw, "shop"), null, JSON.stringify(raw));
});

test("a malformed detail empties that detail only", () => {
  const read = answer({ wait_s: { low: 9, high: 3 }, waiting: "many", message: { a: 1 }, state: 7,
    admitted_per_minute: -1, poll_after_s: null, title: 3 });
  assert.equal(read.position, 100);
  assert.equal(read.waitS, null);
  assert.equal(read.waiting, null);
  assert.equal(read.message, "");
  assert.equal(read.roomState, "queueing");
  assert.equal(read.admittedPerMinute, null);
  assert.equal(read.pollAfterS, 5);
  assert.equal(read.title, "");
});

test("a position shown does not climb by a little", () => {
  assert.equal(hear(waiting, { position: 105 }).memory.position, 100);
});

test("at the head, where positions are exact, every climb is shown with its reason", () => {
  const head = hear(initial(), { position: 4 });
  assert.equal(hear(head, { position: 5 }).memory.position, 5);
  assert.equal(hear(head, { position: 5 }).reason, "returned");
});

test("a position climbs by a lot only with a reason", () => {
  const later = hear(waiting, { position: 106 });
  assert.equal(later.memory.position, 106);
  assert.equal(later.reason, "returned");
  const slow = hear(hear(waiting, { position: 104 }), { position: 106 });
  assert.equal(slow.reason, "returned");
});

test("the reason goes once the line moves on, and in any case after a while", () => {
  const climbed = hear(waiting, { position: 200 }, 2_000);
  assert.equal(hear(climbed, { position: 200 }, 3_000).reason, "returned");
  assert.equal(hear(climbed, { position: 198 }, 3_000).reason, "");
  assert.equal(next(climbed, { type: "tick", nowMs: 121_000 }).reason, "returned");
  assert.equal(next(climbed, { type: "tick", nowMs: 122_000 }).reason, "");
});

test("whatever the order of answers, no position climbs without a reason", () => {
  let state = initial();
  let seed = 7;
  for (let i = 0; i < 5_000; i += 1) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const before = state;
    state = hear(state, { position: 1 + (seed % 500) }, i);
    if (before.memory.position === 0) continue;
    const climbed = state.memory.position > before.memory.position;
    assert.ok(!climbed || state.reason === "returned");
    assert.ok(state.memory.best >= before.memory.best, "progress went back");
  }
});

test("a refused ticket means a new place, its reason, and a fresh start of progress", () => {
  const ahead = hear(waiting, { position: 10 });
  const replaced = hear(next(ahead, { type: "replaced" }), { position: 300 });
  assert.equal(replaced.reason, "replaced");
  assert.equal(replaced.memory.first, 300);
  assert.ok(replaced.memory.best < 0.01);
  assert.equal(hear(replaced, { position: 310 }).memory.position, 300);
});

test("whoever was away for longer than places are kept has a new place", () => {
  const back = hear(waiting, { position: 102, place_ttl_s: 60 }, 62_000);
  assert.equal(back.memory.position, 102);
  assert.equal(back.reason, "replaced");
  assert.equal(hear(waiting, { position: 90, place_ttl_s: 60 }, 62_000).reason, "");
});

test("progress goes from the first position seen to the end, and never back", () => {
  assert.ok(waiting.memory.best < 0.01);
  const half = hear(waiting, { position: 50 });
  assert.ok(half.memory.best > 0.49 && half.memory.best < 0.52);
  assert.equal(hear(half, { position: 90 }).memory.best, half.memory.best);
  const head = hear(half, { position: 1 });
  assert.ok(head.memory.best > 0.98 && head.memory.best < 1);
});

test("a reload keeps position and progress; a stale or broken memory is dropped", () => {
  const half = hear(waiting, { position: 50 });
  const reloaded = hear(initial(half.memory, 2_000), { position: 52 }, 2_100);
  assert.equal(reloaded.memory.position, 50);
  assert.equal(reloaded.memory.first, 100);
  assert.equal(initial(half.memory, 700_000).memory.position, 0);
  for (const broken of [{}, [], "x", 4, null, { ...half.memory, best: "1" }]) {
    assert.equal(initial(broken, 2_000).memory.position, 0);
  }
});

test("a place is remembered for as long as the room keeps it, also before it has a position", () => {
  const long = hear(waiting, { position: 50, place_ttl_s: 3_600 }, 2_000);
  assert.equal(initial(long.memory, 3_601_000).memory.position, 50);
  assert.equal(initial(long.memory, 3_603_000).memory.position, 0);
  const arrived = told({ waiting: 12_000 });
  assert.equal(arrived.memory.atMs, 1_000);
  const board = arrived.board;
  assert.ok(board);
  const reloaded = next(initial(arrived.memory, 9_000), { type: "board", board, nowMs: 9_000 });
  assert.equal(reloaded.memory.atMs, 1_000);
});

test("whoever had their turn and stands in line again has a new place", () => {
  const head = hear(waiting, { position: 2 });
  for (const inside of [
    hear(head, { status: "admitted", position: null }), next(head, { type: "admitted" }),
  ]) {
    const again = hear(initial(inside.memory, 2_000), { position: 300 }, 2_000);
    assert.equal(again.memory.position, 300);
    assert.equal(again.reason, "replaced");
    assert.ok(again.memory.best < 0.01);
    assert.ok(hear(initial(inside.memory, 2_000), { position: 2 }, 2_000).memory.best < 1);
  }
});

test("a place that was given up is not remembered", () => {
  assert.equal(next(waiting, { type: "left" }).memory.position, 0);
});

test("each state of the room has its phase", () => {
  assert.equal(phase(hear(waiting, { state: "paused" })), "paused");
  assert.equal(phase(hear(waiting, { state: "recovering" })), "recovering");
  assert.equal(phase(hear(waiting, { position: 3 })), "near");
  assert.equal(phase(hear(waiting, { wait_s: { low: 10, high: 59 } })), "near");
  assert.equal(phase(hear(waiting, { status: "closed", position: null })), "closed");
  assert.equal(phase(hear(waiting, { status: "admitted", position: null })), "turn");
  assert.equal(phase(next(waiting, { type: "admitted" })), "turn");
});

test("a closed room that opens again shows the place again", () => {
  const closed = hear(waiting, { status: "closed", position: null });
  assert.equal(phase(hear(closed, { position: 99 })), "waiting");
});

test("late answers do not bring back a place that was given up", () => {
  const left = next(waiting, { type: "left" });
  assert.equal(phase(hear(left)), "left");
  assert.equal(phase(next(left, { type: "admitted" })), "left");
  const again = hear(next(left, { type: "join" }), { position: 340 });
  assert.equal(again.memory.position, 340);
  assert.equal(again.reason, "");
});

test("errors: what ends the wait, what does not", () => {
  const error = (/** @type {string} */ code) => next(waiting, { type: "error", code });
  assert.equal(phase(error("room_not_found")), "missing");
  assert.equal(phase(error("cookies_blocked")), "cookies");
  assert.equal(error("already_connected").elsewhere, true);
  assert.equal(error("store_unavailable").connection, "reconnecting");
  assert.equal(phase(error("store_unavailable")), "waiting");
  assert.equal(error("something_new"), waiting);
});

test("a lost connection is mentioned only when it lasts, and then until it is back", () => {
  const lost = next(waiting, { type: "connection", connection: "reconnecting" });
  assert.equal(isAway(lost), false);
  const still = next(next(lost, { type: "connection", connection: "reconnecting" }),
    { type: "tick", nowMs: 4_000 });
  assert.equal(isAway(still), true);
  assert.equal(isAway(next(still, { type: "connection", connection: "polling" })), false);
});

test("the organiser's message can come by itself", () => {
  assert.equal(next(waiting, { type: "message", text: "Hello" }).answer?.message, "Hello");
  assert.equal(next(initial(), { type: "message", text: "Hello" }).answer, null);
});

test("a title once known stays when an answer lacks it", () => {
  assert.equal(hear(hear(waiting, { title: "Shop" })).answer?.title, "Shop");
});

test("the wait counts down for at most half a minute, and not while the line is held", () => {
  const at = (/** @type {number} */ nowMs) => waitLeft(next(waiting, { type: "tick", nowMs }));
  assert.deepEqual(at(11_000), { low: 110, high: 230 });
  assert.deepEqual(at(500_000), { low: 90, high: 210 });
  assert.equal(waitLeft(hear(waiting, { state: "paused" })), null);
  assert.equal(waitLeft(hear(waiting, { wait_s: null })), null);
});
