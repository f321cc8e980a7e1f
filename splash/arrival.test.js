import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { readBoard } from "./answer.js";
import { fetchBoard, planArrival } from "./arrival.js";

const BOARD = { room: "shop", queueing: true, state: "queueing", waiting: 12_000,
  admitted_per_minute: 90, title: "Fair", message: null, places: [1], positions: [1] };

const NOW_MS = 1_000_000;
const NEVER = { first: 0, best: 0, position: 0, atMs: 0, keepS: 600 };

/** @param {number} waiting @param {object} [more] */
function board(waiting, more = {}) {
  const read = readBoard({ ...BOARD, waiting, ...more }, "shop");
  assert.ok(read);
  return read;
}

/**
 * The longest time that anybody waits before connecting.
 * @param {import("./answer.js").Board} line
 * @param {number} [position] The one last seen here; 0 = none.
 * @param {number} [agoS] When this browser was here last; -1 = never.
 */
function longest(line, position = 0, agoS = -1) {
  const atMs = agoS < 0 ? 0 : NOW_MS - agoS * 1_000;
  const random = mock.method(Math, "random", () => 1);
  const planned = planArrival(line, { ...NEVER, position, atMs }, NOW_MS);
  random.mock.restore();
  return planned.connectMs;
}

/** @param {() => Promise<unknown>} server */
async function fetched(server) {
  const answer = mock.method(globalThis, "fetch", server);
  const found = await fetchBoard("shop");
  answer.mock.restore();
  return { found, asked: answer.mock.calls[0]?.arguments };
}

test("the spread grows with the line, up to half a minute; a short line has none", () => {
  assert.equal(longest(board(0)), 0);
  assert.ok(longest(board(20)) <= 20);
  assert.equal(longest(board(12_000)), 12_000);
  assert.equal(longest(board(1_000_000)), 30_000);
});

test("whoever was near the head connects at once, however long the line", () => {
  for (const agoS of [0, 10, 60, 500]) assert.ok(longest(board(50_000), 3, agoS) <= 3);
  // It has moved since: 90 a minute.
  assert.equal(longest(board(50_000), 800, 600), 0);
  assert.equal(longest(board(50_000), 910, 600), 10);
});

test("a tab that was open a moment ago connects while its visitor is present", () => {
  const line = board(50_000, { admitted_per_minute: null });
  // The news may be half a minute old, the last heartbeat 15 s, of 30 s at least.
  for (const agoS of [0, 15, 30]) assert.equal(longest(line, 40_000, agoS), 10_000);
});

test("whoever was away longer connects within a second: the place may be about to lapse", () => {
  for (const agoS of [40, 60, 599]) assert.equal(longest(board(50_000), 40_000, agoS), 1_000);
});

test("reloading before the first position does not begin the wait for it anew", () => {
  for (const agoS of [2, 10, 28]) assert.equal(longest(board(50_000), 0, agoS), 10_000);
  assert.equal(longest(board(50_000), 0, 40), 1_000);
});

test("while places are collected after a loss nobody is spread for long", () => {
  const line = board(50_000, { state: "recovering" });
  assert.equal(longest(line), 3_000);
  assert.equal(longest(line, 0, 0), 3_000);
  assert.equal(longest(line, 40_000, 100), 1_000);
  assert.ok(longest(line, 3, 5) <= 3);
});

test("everybody takes a moment of their own, and HTTP waits for the socket's", () => {
  const moments = new Set();
  for (let i = 0; i < 100; i += 1) {
    const { connectMs, askMs } = planArrival(board(30_000), NEVER, NOW_MS);
    assert.ok(askMs - connectMs >= 4_000 && askMs - connectMs < 6_000);
    moments.add(connectMs);
  }
  assert.ok(moments.size > 90);
});

test("the board is asked for without anything personal", async () => {
  const { found, asked } = await fetched(async () => Response.json(BOARD));
  assert.equal(found?.waiting, 12_000);
  assert.equal(found?.title, "Fair");
  assert.equal(asked?.[0], "/__waitroom/shop/board");
  assert.equal(asked?.[1]?.credentials, "omit");
});

test("a board that cannot be had or read is none", async () => {
  const servers = [
    async () => assert.fail("offline"),
    async () => new Response("<p>Not here", { status: 200 }),
    async () => Response.json({ error: "store_unavailable" }, { status: 503 }),
    async () => Response.json({ ...BOARD, room: "other" }),
    async () => Response.json({ ...BOARD, queueing: "yes" }),
    async () => Response.json(null),
  ];
  for (const server of servers) assert.equal((await fetched(server)).found, null);
});
