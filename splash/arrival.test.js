import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { readBoard } from "./answer.js";
import { fetchBoard, planArrival } from "./arrival.js";

const BOARD = { room: "shop", queueing: true, state: "queueing", waiting: 12_000,
  admitted_per_minute: 90, title: "Fair", message: null, places: [1], positions: [1] };

/** @param {number} waiting */
function board(waiting) {
  const read = readBoard({ ...BOARD, waiting }, "shop");
  assert.ok(read);
  return read;
}

/** @param {number} waiting @param {number} [position] */
function longest(waiting, position = 0) {
  const random = mock.method(Math, "random", () => 1);
  const planned = planArrival(board(waiting), position);
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
  assert.equal(longest(0), 0);
  assert.ok(longest(20) <= 20);
  assert.equal(longest(12_000), 12_000);
  assert.equal(longest(1_000_000), 30_000);
});

test("whoever had a position connects sooner, so that the place does not go stale", () => {
  assert.equal(longest(50_000, 3), 3);
  assert.equal(longest(50_000, 40_000), 10_000);
});

test("everybody takes a moment of their own, and HTTP waits for the socket's", () => {
  const moments = new Set();
  for (let i = 0; i < 100; i += 1) {
    const { connectMs, askMs } = planArrival(board(30_000), 0);
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
