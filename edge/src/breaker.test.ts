import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Breaker } from "./breaker";
import { ServiceError, UnreachableError } from "./calls";

beforeEach(() => void vi.spyOn(console, "warn").mockImplementation(() => undefined));
afterEach(() => void vi.restoreAllMocks());

test("it is away from the first failure until an answer", () => {
  const breaker = new Breaker();
  breaker.failed(new ServiceError("rooms answered 500"), 1_000);
  breaker.failed(new ServiceError("rooms answered 500"), 2_000);
  expect([breaker.awaySinceMs, breaker.reachable]).toEqual([1_000, true]);
  breaker.worked(3_000);
  expect(breaker.awaySinceMs).toBeNull();
  expect(console.warn).toHaveBeenCalledTimes(2);
});

test("pages are not worth a try only while connections fail", () => {
  const breaker = new Breaker();
  breaker.failed(new UnreachableError("no connection"), 0);
  expect(breaker.reachable).toBe(false);
  breaker.worked(1);
  expect(breaker.reachable).toBe(true);
});

test("one that flickers was never back; one that was back for long begins anew", () => {
  const breaker = new Breaker();
  breaker.failed(new ServiceError("x"), 1_000);
  breaker.worked(50_000);
  breaker.failed(new ServiceError("x"), 59_999);
  expect(breaker.awaySinceMs).toBe(1_000);
  breaker.worked(60_000);
  breaker.failed(new ServiceError("x"), 70_000);
  expect(breaker.awaySinceMs).toBe(70_000);
});
