import { expect, test } from "vitest";

import { BATCH_MAX, FORGET_MS, REMEMBERED_MAX, Renewals } from "./renewals";

const wanted = (token: string) => ({ room: "shop", token });

test("a pass is asked for once, and known by its old name afterwards", () => {
  const renewals = new Renewals();
  renewals.ask("shop", "a", 10);
  renewals.ask("shop", "a", 10);
  const batch = renewals.take();
  expect(batch).toEqual([wanted("a")]);
  renewals.settle(batch, ["b"]);
  renewals.ask("shop", "a", 10);
  expect(renewals.waiting).toBe(false);
  expect([...renewals.renewed]).toEqual([["a", "b"]]);
});

test("a seat that is gone is not asked for again, one brought back is", () => {
  const renewals = new Renewals();
  renewals.ask("shop", "gone", 10);
  renewals.ask("shop", "back", 10);
  renewals.settle(renewals.take(), [null, "back"]);
  renewals.ask("shop", "gone", 10);
  renewals.ask("shop", "back", 10);
  expect(renewals.take()).toEqual([wanted("back")]);
  expect(renewals.renewed.size).toBe(0);
});

test("a batch of unknown outcome goes out again, first; one that was refused does not", () => {
  const renewals = new Renewals();
  renewals.ask("shop", "a", 10);
  renewals.take();
  renewals.ask("shop", "b", 10);
  renewals.putBack();
  renewals.putBack();
  expect(renewals.take()).toEqual([wanted("a"), wanted("b")]);
  renewals.drop();
  renewals.putBack();
  expect(renewals.waiting).toBe(false);
});

test("a batch that was answered does not go out again", () => {
  const renewals = new Renewals();
  renewals.ask("shop", "a", 10);
  renewals.settle(renewals.take(), ["b"]);
  renewals.putBack();
  expect(renewals.waiting).toBe(false);
});

test("batches have a limit, and memory too", () => {
  const renewals = new Renewals();
  for (let n = 0; n <= REMEMBERED_MAX; n++) renewals.ask("shop", `p${n}`, 10);
  expect(renewals.take()).toHaveLength(BATCH_MAX);
  let left = 0;
  while (renewals.waiting) left += renewals.take().length;
  expect(left).toBe(REMEMBERED_MAX - BATCH_MAX);
});

test("what has run out is forgotten, in the line and in memory", () => {
  const renewals = new Renewals();
  renewals.ask("shop", "a", 10);
  renewals.settle(renewals.take(), ["b"]);
  renewals.ask("shop", "c", 10);
  renewals.ask("shop", "d", 20);
  renewals.forget(10);
  expect(renewals.renewed.size).toBe(0);
  expect(renewals.take()).toEqual([wanted("d")]);
});

test("one that lives long does not keep the others in memory", () => {
  const renewals = new Renewals();
  renewals.ask("museum", "long", 10 * FORGET_MS);
  for (let n = 1; n < REMEMBERED_MAX; n++) renewals.ask("shop", `p${n}`, 10);
  renewals.forget(5);
  // All are looked through only once in a while.
  renewals.forget(20);
  renewals.ask("shop", "more", 2 * FORGET_MS);
  renewals.forget(5 + FORGET_MS);
  renewals.ask("shop", "later", 2 * FORGET_MS);
  expect(renewals.take()).toEqual([{ room: "museum", token: "long" }, wanted("later")]);
});
