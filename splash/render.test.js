import assert from "node:assert/strict";
import { test } from "node:test";
import { readAnswer } from "./answer.js";
import { speech } from "./render.js";
import { initial, next } from "./state.js";

/** @param {object} changes @param {number} nowMs */
function hear(changes = {}, nowMs = 1_000) {
  const raw = { status: "waiting", position: 100, wait_s: { low: 120, high: 240 }, ...changes };
  const answer = readAnswer(raw, "shop");
  assert.ok(answer);
  return next(initial(), { type: "answer", answer, nowMs });
}

test("announcements: at once for a new phase or message, else rarely", () => {
  const first = speech(null, hear());
  assert.ok(first);
  assert.equal(speech(first, hear({ position: 60 }, 20_000)), null);
  assert.ok(speech(first, hear({ position: 60 }, 31_000)));
  assert.equal(speech(first, hear({ position: 95 }, 60_000)), null);
  assert.ok(speech(first, hear({ position: 3 }, 2_000)));
  assert.ok(speech(first, hear({ message: "Hello" }, 2_000)));
});
