import { describe, expect, test } from "vitest";

import { canonicalPath } from "./paths";
import { bypasses, parseRooms } from "./rooms";
import type { Visit } from "./visit";

function visit(shown: Partial<Visit> & { header?: string } = {}): Visit {
  const headers = new Headers(shown.header === undefined ? {} : { "x-secret": shown.header });
  const plain = { method: "GET", host: "h", path: "/", query: "", address: "", nowMs: 0 };
  return { ...plain, websocket: false, secure: true, headers, ...shown };
}

function passes(rule: unknown, shown: Parameters<typeof visit>[0] = {}, path = "/shop"): boolean {
  const found = parseRooms({ rooms: [{ name: "shop", bypass: [rule] }] }).get("shop");
  return found !== undefined && bypasses(found, visit(shown), canonicalPath(path));
}

describe("a document", () => {
  test("of a newer service is read, unknown settings left out", () => {
    const rooms = parseRooms({ rooms: [{ name: "shop", x: 1 }], languages: ["DE"], more: true });
    expect(rooms.languages).toEqual(["de"]);
    expect(rooms.get("shop")).toMatchObject({ queueingStatusCode: 200, sessionDurationS: 300 });
    expect(rooms.get("museum")).toBeUndefined();
  });

  test.each([
    ["no rooms", {}],
    ["a room without a name", { rooms: [{}] }],
    ["a name that could end a cookie", { rooms: [{ name: "a;b" }] }],
    ["a status that is none", { rooms: [{ name: "a", queueing_status_code: 99 }] }],
    ["an epoch that is no number", { rooms: [{ name: "a", epoch: "1" }] }],
    ["a rule with a condition that is not known", { rooms: [{ name: "a", bypass: [{ asn: 1 }] }] }],
    ["a network that is none", { rooms: [{ name: "a", bypass: [{ network: "10.0.0.0/x" }] }] }],
    ["a route with a part that is not known", { rooms: [{ name: "a", routes: [{ port: 1 }] }] }],
    ["nothing", null],
  ])("with %s is refused as a whole", (_, document) => {
    expect(() => parseRooms(document)).toThrow();
  });

  test.each([
    [["es-419", "zh_TW", "DE"], ["es-419", "zh_tw", "de"]],
    [["de\r\nx: y", "de", "", 1, null, { toString: 1 }, "x".repeat(36)], ["de"]],
    ["de", []],
    [null, []],
  ])("whose languages are %j is never refused for them", (languages, offered) => {
    const rooms = parseRooms({ rooms: [{ name: "shop" }], languages });
    expect([rooms.languages, rooms.get("shop")?.name]).toEqual([offered, "shop"]);
  });

  test("with one room known to be queueing is another one, the same otherwise", () => {
    const rooms = parseRooms({
      rooms: [{ name: "a", routes: [{ path: "/a" }] }, { name: "b" }],
      languages: ["de"],
    });
    const later = rooms.queueing("a");
    expect([rooms.get("a")?.queueing, later.get("a")?.queueing]).toEqual([false, true]);
    expect(later.get("b")?.queueing).toBe(false);
    expect(later.find("h", canonicalPath("/a/x"))?.queueing).toBe(true);
    expect(later.languages).toEqual(["de"]);
  });
});

describe("a bypass rule", () => {
  test("lets through what all of its conditions name", () => {
    const header = "s".repeat(16);
    const secret = { header: "x-secret", value: header };
    const rule = { path: "/shop/Feed", methods: ["GET"], ...secret };
    expect(passes(rule, { header }, "/shop/feed/1")).toBe(true);
    expect(passes(rule, { header }, "/shop")).toBe(false);
    expect(passes(rule, { header, method: "POST" }, "/shop/feed")).toBe(false);
    expect(passes(rule, { header: `${header}s` }, "/shop/feed")).toBe(false);
    expect(passes(rule, {}, "/shop/feed")).toBe(false);
  });

  test("that names nothing, or no secret, lets nobody through", () => {
    expect(passes({})).toBe(false);
    expect(passes({ header: "x-secret", value: null }, { header: "" })).toBe(false);
    expect(passes({ header: "x-secret", value: "" }, { header: "" })).toBe(false);
    expect(passes({ path: "/a%zz" })).toBe(false);
  });

  test.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.0/8", "::ffff:10.0.0.1", true],
    ["10.0.0.0/8", "010.0.0.1", false],
    ["10.0.0.0/8", "0xa.1", false],
    ["10.0.0.0/8", "167772161", false],
    ["10.0.0.0/8", "", false],
    ["10.0.0.0/8", "10.0.0.1, 192.0.2.7", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/32", "2001:DB8:1::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["::/0", "192.0.2.7", false],
  ])("for the network %s and the address %s says %s", (network, address, through) => {
    expect(passes({ network }, { address })).toBe(through);
  });
});
