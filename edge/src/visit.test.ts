import { expect, test } from "vitest";

import { type Visit, cookies, parts, plainName, visitFrom } from "./visit";

function seen(url: string, headers: Record<string, string> = {}, method = "GET"): Visit {
  // The runtime hands addresses over as they came; the Request of other runtimes tidies them.
  return visitFrom({ url, method, headers: new Headers(headers) } as Request, 7);
}

test("an address is cut in pieces without reading anything into them", () => {
  expect(parts("http://h:80//a/../b;c?d?e#f")).toEqual({
    authority: "h:80",
    path: "//a/../b;c",
    query: "d?e",
  });
  expect(parts("https://h")).toEqual({ authority: "h", path: "", query: "" });
  expect(parts("https://h?x/shop")).toEqual({ authority: "h", path: "", query: "x/shop" });
  expect(parts("https://h*")).toEqual({ authority: "h*", path: "", query: "" });
});

test("a Host header that would change the path is no host", () => {
  expect(seen("http://h/x/shop", { host: "h/x" }).host).toBe("?");
  expect(seen("http://h/shop", { host: "h" }).host).toBe("h");
  expect(seen("http://a, b/shop", { host: "a, b" }).host).toBe("a, b");
  expect(seen("https://h/shop").host).toBe("h");
});

test("what is not ASCII comes as its bytes", () => {
  expect(seen("http://h/b\u00fcro?\u20ac")).toMatchObject({
    path: "/b\u00c3\u00bcro",
    query: "\u00e2\u0082\u00ac",
  });
});

test("only a GET opens a WebSocket, and only the platform names the address", () => {
  expect(seen("http://h/", { upgrade: "WebSocket" }).websocket).toBe(true);
  expect(seen("http://h/", { upgrade: "websocket" }, "POST").websocket).toBe(false);
  const claimed = seen("https://h/", { "x-forwarded-for": "10.0.0.1" });
  expect([claimed.address, claimed.secure, claimed.nowMs]).toEqual(["", true, 7]);
  expect(seen("http://h/", { "cf-connecting-ip": "192.0.2.7" }).address).toBe("192.0.2.7");
});

test("no cookie hides another, and eight of one name are enough", () => {
  const found = (cookie: string): string[] => cookies(seen("http://h/", { cookie }), "t");
  expect(found('a=t=0; t=1;t="2"; xt=9, t = 3 ;tt=4; t')).toEqual(["1", "2", "3"]);
  expect(found("T=1; t=")).toEqual([""]);
  expect(found("t=1; ".repeat(20))).toHaveLength(8);
  expect(cookies(seen("http://h/"), "t")).toEqual([]);
});

test("a header's name counts in all of its spellings", () => {
  expect(plainName("waitroom_gate")).toBe("waitroom-gate");
});
