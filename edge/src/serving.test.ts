import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { PAGE, World, answered, pass, room, stopClock, when } from "./testing";

const SPLASH = "<html lang=x><script></script>";
let world: World;

function page(body = SPLASH, headers: Record<string, string> = {}): Response {
  const control = { "cache-control": "public, max-age=0, s-maxage=60, must-revalidate" };
  return new Response(body, { headers: { "content-type": "text/html", ...control, ...headers } });
}

beforeEach(() => {
  stopClock();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  world = new World();
  world.rooms = [room({ queueing: true })];
  world.answers["shop"] = () => page();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the splash page", () => {
  test("is asked for without anything of the visitor, once a minute and language", async () => {
    const headers = {
      ...PAGE,
      cookie: "waitroom_ticket_shop=t; a=b",
      "accept-language": "de-AT, en;q=0.5",
      authorization: "Ticket t",
      "user-agent": "me",
    };
    for (const query of ["?return_to=%2Fshop", "?return_to=%2Fother&unsent=1", ""]) {
      const answer = await world.visit(`/__waitroom/shop${query}`, headers);
      expect(await answer.text()).toBe(SPLASH);
      expect(answer.headers.get("cache-control")).toBe(
        "public, max-age=0, s-maxage=60, must-revalidate",
      );
    }
    expect(world.asked()).toEqual(["/__waitroom/shop"]);
    const sent = world.atService.at(-1);
    expect(sent?.url).toBe("https://waitroom.example/__waitroom/shop");
    expect([...(sent?.headers ?? [])]).toEqual([["accept-language", "de"]]);
    await world.visit("/__waitroom/shop", PAGE);
    await world.visit("/__waitroom/shop", { ...PAGE, "accept-language": "fr" });
    expect(world.asked()).toHaveLength(2);
    await pass(61_000, 1_000);
    await answered(world.visit("/__waitroom/shop", PAGE));
    expect(world.asked()).toHaveLength(3);
  });

  test("is kept for each room on its own, and for each theme that a room announces", async () => {
    const shown = async (name: string): Promise<string> =>
      (await world.visit(`/__waitroom/${name}`)).text();
    const look = (theme: string): void => {
      world.rooms = [room({ theme }), room({ name: "fair", routes: [] })];
      world.answers["shop"] = () => page(`<html shop ${theme}>`, { "waitroom-theme": theme });
    };
    world.answers["fair"] = () => page("<html fair>");
    look("20261123131500-0123abcd");
    await world.visit("/");
    for (let n = 0; n < 2; n++) {
      expect(await shown("shop")).toBe("<html shop 20261123131500-0123abcd>");
      expect(await shown("fair")).toBe("<html fair>");
    }
    expect(world.asked()).toEqual(["/__waitroom/shop", "/__waitroom/fair"]);
    look("20261123131600-4567abcd");
    await pass(2_500);
    expect(await shown("shop")).toBe("<html shop 20261123131600-4567abcd>");
    expect(await shown("fair")).toBe("<html fair>");
    expect(world.asked()).toHaveLength(3);
  });

  test("of a process that has not heard of a theme yet is kept for a moment only", async () => {
    world.rooms = [room({ theme: "20261123131500-0123abcd" })];
    await world.visit("/");
    expect(await (await world.visit("/__waitroom/shop")).text()).toBe(SPLASH);
    world.answers["shop"] = () => page("<html new>", { "waitroom-theme": "20261123131500-0123abcd" });
    await pass(1_100);
    expect(await (await answered(world.visit("/__waitroom/shop"))).text()).toBe("<html new>");
    await pass(30_000, 1_000);
    expect(await (await answered(world.visit("/__waitroom/shop"))).text()).toBe("<html new>");
    expect(world.asked()).toHaveLength(2);
  });

  test("has the files of its theme kept too, of rooms that there are", async () => {
    const file = "/theme/20261123131500-0123abcd.css";
    world.answers["20261123131500-0123abcd.css"] = () =>
      new Response("a{}", { headers: { "cache-control": "public, max-age=31536000, immutable" } });
    for (let n = 0; n < 2; n++) await world.visit(`/__waitroom/shop${file}`);
    expect(world.asked()).toHaveLength(1);
    for (let n = 0; n < 2; n++) await world.visit(`/__waitroom/madeup${file}`);
    expect(world.asked()).toHaveLength(3);
  });

  test("is fetched once by many who come at the same time", async () => {
    world.answers["shop"] = async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return page();
    };
    await world.visit("/");
    const visits = Promise.all(Array.from({ length: 30 }, () => world.visit("/__waitroom/shop")));
    for (const answer of await answered(visits)) expect(await answer.text()).toBe(SPLASH);
    expect(world.asked()).toHaveLength(1);
  });

  test("that ran out is still good enough while one visitor fetches the new one", async () => {
    await world.visit("/__waitroom/shop");
    await pass(61_000, 1_000);
    await answered(world.visit("/"));
    let release: ((response: Response) => void) | undefined;
    world.answers["shop"] = () => new Promise((resolve) => (release = resolve));
    const first = world.visit("/__waitroom/shop");
    await when(() => release !== undefined);
    expect(await (await world.visit("/__waitroom/shop")).text()).toBe(SPLASH);
    release?.(page("<html new>"));
    expect(await (await first).text()).toBe("<html new>");
    expect(await (await world.visit("/__waitroom/shop")).text()).toBe("<html new>");
  });

  test.each([
    ["private", { "cache-control": "private, max-age=60" }],
    ["not said to be public", { "cache-control": "max-age=60" }],
    ["with a cookie", { "set-cookie": "waitroom_ticket_shop=theirs" }],
    ["for one kind of visitor", { vary: "Cookie" }],
  ])("that is %s is never kept, and asked for once by each visitor", async (_, headers) => {
    world.hasCache = true;
    let n = 0;
    world.answers["shop"] = (request) =>
      page(`${request.headers.get("cookie")} ${++n}`, headers as Record<string, string>);
    for (const told of ["null 1", "null 2"]) {
      const answer = await world.visit("/__waitroom/shop", { ...PAGE, cookie: "who=1" });
      expect(await answer.text()).toBe(told);
      // It was asked for in nobody's name, so nobody gets its cookie.
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect([...world.cached.keys()].filter((key) => key.includes("shop"))).toEqual([]);
  });

  test("that the service refuses is told as it came, and in place not at all", async () => {
    const headers = { "retry-after": "7", location: "/x", "content-type": "text/html" };
    world.answers["shop"] = () => new Response("no", { status: 500, headers });
    const answer = await world.visit("/__waitroom/shop");
    expect([answer.status, await answer.text()]).toEqual([500, "no"]);
    expect(Object.fromEntries(answer.headers)).toMatchObject(headers);
    expect(world.asked()).toHaveLength(1);
    world.rooms = [room({ queueing: true, delivery: "inline" })];
    await pass(3_000);
    expect((await world.visit("/shop")).status).toBe(503);
  });

  test("is asked for anew when the room gets another status", async () => {
    expect((await world.visit("/__waitroom/shop")).status).toBe(200);
    world.rooms = [room({ queueing: true, queueing_status_code: 202 })];
    world.answers["shop"] = () =>
      new Response(SPLASH, { status: 202, headers: { "cache-control": "public, s-maxage=60" } });
    await pass(3_000);
    expect((await world.visit("/__waitroom/shop")).status).toBe(202);
  });

  test.each([
    ["nojs=1", "GET", "/__waitroom/shop?return_to=%2F&nojs=1"],
    ["nojs=1 in another spelling", "GET", "/__waitroom/shop?%6eojs=1"],
    ["a POST", "POST", "/__waitroom/shop"],
    ["a room that is not known", "GET", "/__waitroom/museum"],
    ["the personal status", "GET", "/__waitroom/shop/status"],
    ["a path below an asset", "GET", "/__waitroom/assets/1/../../shop/status"],
  ])("is not what is given for %s", async (_, method, path) => {
    for (const last of ["shop", "status", "museum"]) world.answers[last] = () => page("personal");
    for (let n = 0; n < 2; n++) {
      expect(await (await world.visit(path, PAGE, { method })).text()).toBe("personal");
    }
    expect(world.asked()).toHaveLength(2);
  });

  test("of a data centre is fetched once for all of its isolates", async () => {
    world.hasCache = true;
    await world.visit("/__waitroom/shop");
    await when(() => world.cached.size === 2);
    const answer = await world.visit("/__waitroom/shop", PAGE, {}, world.isolate());
    expect(await answer.text()).toBe(SPLASH);
    expect(world.asked()).toHaveLength(1);
    expect([...world.cached.keys()].every((key) => /^https:\/\/[0-9a-f]{32}\.invalid\//.test(key)))
      .toBe(true);
  });
});

test("the board is kept for a second, files for long, whatever query they have", async () => {
  const served = (control: string) => () =>
    new Response("{}", { headers: { "cache-control": control } });
  world.answers["board"] = served("public, max-age=1");
  world.answers["waiting.js"] = served("public, max-age=31536000, immutable");
  world.answers["waitroom-fetch.js"] = served("public, max-age=3600");
  for (let n = 0; n < 3; n++) {
    await answered(world.visit(`/__waitroom/shop/board?${n}`, {}));
    await world.visit(`/__waitroom/assets/abc/waiting.js?${n}`, {});
    await world.visit("/__waitroom/waitroom-fetch.js", {}, { method: n === 1 ? "HEAD" : "GET" });
    await pass(1_100);
  }
  expect(world.asked().filter((path) => path.endsWith("board"))).toHaveLength(3);
  expect(world.asked()).toHaveLength(5);
});

test("memory has a limit: the oldest goes first", async () => {
  const big = "x".repeat(900_000);
  for (let n = 0; n < 12; n++) {
    world.answers[`f${n}.bin`] = () =>
      new Response(big, { headers: { "cache-control": "public, max-age=3600" } });
    await world.visit(`/__waitroom/assets/a/f${n}.bin`, {});
  }
  await world.visit("/__waitroom/assets/a/f11.bin", {});
  expect(world.asked()).toHaveLength(12);
  await world.visit("/__waitroom/assets/a/f0.bin", {});
  expect(world.asked()).toHaveLength(13);
});

describe("what is personal", () => {
  test("goes to the service as it came, but for what visitors claim of themselves", async () => {
    world.answers["enter"] = (request) =>
      new Response(request.body, {
        status: 201,
        headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["cache-control", "no-store"]],
      });
    const claims = {
      "x-forwarded-for": "10.0.0.1",
      "X-Forwarded-Host": "evil.example",
      x_forwarded_proto: "gopher",
      forwarded: "for=10.0.0.1",
      "x-real-ip": "10.0.0.1",
      waitroom_gate: "shop",
      "waitroom-origin": "x",
    };
    const own = { cookie: "a=1", "cf-connecting-ip": "192.0.2.7", "waitroom-mode": "token" };
    const init = { method: "POST", body: "{}" };
    const answer = await world.visit("/__waitroom/shop/enter?x=%zz", { ...claims, ...own }, init);
    expect([answer.status, await answer.text()]).toEqual([201, "{}"]);
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    const sent = world.atService.at(-1);
    expect(sent?.url).toBe("https://waitroom.example/__waitroom/shop/enter?x=%zz");
    expect(sent?.redirect).toBe("manual");
    const headers = Object.fromEntries(sent?.headers ?? []);
    delete headers["content-type"];
    expect(headers).toEqual({
      ...own,
      "x-forwarded-for": "192.0.2.7",
      "x-forwarded-host": "site.example",
      "x-forwarded-proto": "https",
    });
  });

  test("has the bytes of its query as they came", async () => {
    world.answers["status"] = () => Response.json({});
    const request = new Request("https://site.example/");
    const url = "https://site.example/__waitroom/shop/status?x=\u00fc|%zz";
    Object.defineProperty(request, "url", { value: url });
    await world.gate.answer(request, { waitUntil: () => undefined });
    expect(world.atService.at(-1)?.url).toBe(
      "https://waitroom.example/__waitroom/shop/status?x=%C3%BC|%zz",
    );
  });

  test("is found by the service in the second of two Cookie headers too", async () => {
    world.answers["status"] = () => Response.json({});
    await world.visit("/__waitroom/shop/status", { cookie: "a=1, waitroom_ticket_shop=t; b=2" });
    expect(world.atService.at(-1)?.headers.get("cookie")).toBe(
      "waitroom_ticket_shop=t; a=1, waitroom_ticket_shop=t; b=2",
    );
  });

  test("has a limit, which nobody but its sender notices", async () => {
    const init = { method: "POST", body: "x".repeat(64 * 1024 + 1) };
    expect((await world.visit("/__waitroom/shop/enter", {}, init)).status).toBe(413);
    expect(world.asked()).toEqual([]);
  });

  test("that the service does not answer holds up nobody else", async () => {
    world.answers["status"] = () => Promise.reject(new TypeError("reset"));
    const pulls = world.pulls();
    expect((await world.visit("/__waitroom/shop/status", {})).status).toBe(503);
    await Promise.all(world.behind.slice(-1));
    expect(world.pulls()).toBe(pulls + 2);
    // A probe has found the service well: it was that request's own fault.
    expect((await world.visit("/shop", PAGE)).status).toBe(302);
    expect(console.warn).not.toHaveBeenCalled();
    world.answers["rooms"] = () => Promise.reject(new TypeError("reset"));
    await world.visit("/__waitroom/shop/status", {});
    await when(() => vi.mocked(console.warn).mock.calls.length > 0);
    expect((await world.visit("/shop", PAGE)).status).toBe(503);
    const asked = world.asked().length;
    const page = await world.visit("/__waitroom/shop/status", PAGE);
    expect([page.status, world.asked().length]).toEqual([503, asked]);
    expect(await page.text()).toContain("You keep your place");
  });

  test("keeps its status when there is no body", async () => {
    world.answers["leave"] = () => new Response(null, { status: 304, headers: { etag: '"1"' } });
    const answer = await world.visit("/__waitroom/shop/leave", {});
    expect([answer.status, answer.headers.get("etag")]).toEqual([304, '"1"']);
  });
});
