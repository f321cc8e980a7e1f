import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { PAGE, VISITOR, World, answered, pass, room, setCookies, stopClock } from "./testing";

let world: World;

beforeEach(() => {
  stopClock();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  world = new World();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function entering(answer: Record<string, unknown>): void {
  world.answers["enter"] = () => Response.json({ ticket: null, pass: null, ...answer });
}

describe("a visitor with a pass", () => {
  test("reaches the origin with the edge's word, without a call", async () => {
    const token = await world.pass();
    const answer = await world.visit("/shop?day=1", { cookie: `waitroom_pass_shop=${token}` });
    expect(await answer.text()).toBe("the site");
    expect(world.asked()).toEqual([]);
    expect(answer.headers.getSetCookie()).toEqual([]);
    const seen = world.atOrigin[0];
    expect(seen?.url).toBe("https://site.example/shop?day=1");
    expect(seen?.headers.get("waitroom-gate")).toBe("shop");
    const word = await world.tokens.readOrigin(
      seen?.headers.get("waitroom-origin") ?? "",
      Date.now(),
    );
    expect(word).toEqual({ deadlineMs: Date.now() + 60_000 });
  });

  test("is let through although forged passes stand before it, in two headers too", async () => {
    const token = await world.pass();
    const forged = `waitroom_pass_shop=${token.slice(0, -4)}AAAA`;
    for (const cookie of [
      `${forged}; waitroom_pass_shop=${token}`,
      `a=1, waitroom_pass_shop="${token}"`,
      `waitroom_pass_shop; =; ;${forged};\twaitroom_pass_shop=${token} ;x`,
      `xwaitroom_pass_shop=${token}, ${forged}, waitroom_pass_shop=${token}`,
    ]) {
      expect((await world.visit("/shop", { cookie })).status).toBe(200);
    }
    expect(world.atOrigin).toHaveLength(4);
    expect(world.asked()).toEqual([]);
  });

  test("is not let through by a pass of another name, room or epoch", async () => {
    world.rooms = [room({ queueing: true, epoch: 1 })];
    const old = await world.pass();
    const other = await world.tokens.signPass({
      room: "museum",
      visitor: "AAECAwQFBgcICQoLDA0ODw",
      deadlineMs: Date.now() + 60_000,
      epoch: 1,
    });
    for (const cookie of [
      `waitroom_pass_shop=${old}`,
      `waitroom_pass_shop=${other}`,
      `waitroom_pass_museum=${other}`,
      `waitroom_pass_shopx=${old}; Waitroom_pass_shop=${await world.pass(60_000, 1)}`,
      `waitroom_pass_shop=${"A".repeat(100_000)}`,
    ]) {
      expect((await world.visit("/shop", { ...PAGE, cookie })).status).toBe(302);
    }
    expect(world.atOrigin).toEqual([]);
  });

  test("gets a renewed pass with a later answer, which no cache may keep", async () => {
    const old = await world.pass(100_000);
    const longer = await world.pass(290_000);
    world.answers["renew"] = () => Response.json({ passes: [longer] });
    const kept = { "cache-control": "public, max-age=60", "set-cookie": "a=1" };
    world.origin = () => new Response("x", { headers: kept });
    const headers = { cookie: `waitroom_pass_shop=${old}` };
    const first = await world.visit("/shop", headers);
    expect(first.headers.get("cache-control")).toBe("public, max-age=60");
    await world.visit("/shop", headers);
    await pass(1_500);
    expect(world.asked()).toEqual(["/api/edge/renew"]);
    expect(await world.sent("renew")).toEqual({ passes: [{ room: "shop", pass: old }] });
    const later = await world.visit("/shop", headers);
    expect(later.headers.get("cache-control")).toBe("private, no-cache");
    expect(setCookies(later)).toEqual({ a: "1", waitroom_pass_shop: longer });
    expect(later.headers.getSetCookie()[1]).toBe(
      `waitroom_pass_shop=${longer}; Secure; HttpOnly; Max-Age=588; Path=/; SameSite=Lax`,
    );
    await pass(3_000);
    expect(world.asked()).toHaveLength(1);
  });
});

describe("an open room", () => {
  test("admits with a pass and no ticket left behind", async () => {
    const granted = await world.pass();
    entering({ status: "admitted", pass: granted, deadline_ms: Date.now() + 300_000 });
    const answer = await world.visit("/shop");
    expect(await answer.text()).toBe("the site");
    expect(setCookies(answer)).toEqual({ waitroom_pass_shop: granted });
    expect(world.atOrigin[0]?.headers.get("waitroom-gate")).toBe("shop");
    const { room: name, ticket } = (await world.sent("enter")) as Record<string, string>;
    expect(name).toBe("shop");
    expect(await world.tokens.readTicket(ticket ?? "", "shop")).toMatchObject({
      place: Date.now() * 1000,
    });
  });

  test("takes the ticket at the door", async () => {
    const shown = await world.tokens.signTicket({
      room: "shop",
      visitor: "AAECAwQFBgcICQoLDA0ODw",
      place: 1,
    });
    const granted = await world.pass();
    entering({ status: "admitted", pass: granted, deadline_ms: Date.now() + 1 });
    const answer = await world.visit("/shop", { ...PAGE, cookie: `waitroom_ticket_shop=${shown}` });
    expect(setCookies(answer)).toEqual({ waitroom_ticket_shop: "", waitroom_pass_shop: granted });
    expect(await world.sent("enter")).toEqual({ room: "shop", ticket: shown });
  });

  test("that turns out to be full costs one call, not one for each", async () => {
    entering({ status: "waiting", ticket: "AAA.BBB" });
    const first = await world.visit("/shop");
    expect(first.status).toBe(302);
    expect(setCookies(first)).toEqual({ waitroom_ticket_shop: "AAA.BBB" });
    const second = await world.visit("/shop");
    expect(Object.keys(setCookies(second))).toEqual(["waitroom_ticket_shop"]);
    expect(world.asked()).toEqual(["/api/edge/enter"]);
    expect(world.atOrigin).toEqual([]);
  });

  test("that was closed or deleted meanwhile is treated so", async () => {
    entering({ status: "closed" });
    expect((await world.visit("/shop", {})).status).toBe(429);
    delete world.answers["enter"];
    const answer = await world.visit("/shop");
    expect(await answer.text()).toBe("the site");
    expect(world.atOrigin[0]?.headers.get("waitroom-gate")).toBeNull();
  });

  test.each([
    ["answers with garbage", () => new Response("<html>")],
    ["answers with 500", () => new Response("", { status: 500 })],
    ["is not found by a proxy", () => new Response("<h1>Not Found", { status: 404 })],
    ["is not found in JSON", () => Response.json({ error: "not_found" }, { status: 404 })],
    ["admits without a pass", () => Response.json({ status: "admitted" })],
    ["gives what is no token", () => Response.json({ status: "waiting", ticket: "a; b=c" })],
    ["is gone", () => Promise.reject(new TypeError("refused"))],
    ["never answers", () => new Promise<Response>(() => undefined)],
    ["answers without end", () => new Response(new ReadableStream({ pull: () => undefined }))],
  ])("holds with the ticket that was shown, when the service %s", async (_, answer) => {
    const started = Date.now();
    world.answers["enter"] = answer;
    const reply = await answered(world.visit("/shop"));
    expect(reply.status).toBe(503);
    expect(Date.now() - started).toBeLessThanOrEqual(2_100);
    const sent = (await world.sent("enter")) as { ticket: string };
    expect(setCookies(reply)).toEqual({ waitroom_ticket_shop: sent.ticket });
    expect(await reply.text()).toContain("You keep your place");
    // Nobody waits again.
    const next = world.asked().length;
    expect((await world.visit("/shop")).status).toBe(503);
    expect(world.asked()).toHaveLength(next);
    expect(world.atOrigin).toEqual([]);
  });

  test("brings no new ticket beside a pass that ran out, whatever runs at once", async () => {
    const lapsed = await world.pass(-60_000);
    const cookie = `waitroom_pass_shop=${lapsed}`;
    entering({ status: "waiting", ticket: "AAA.BBB" });
    await world.visit("/");
    const visits = Array.from({ length: 3 }, () => world.visit("/shop", { ...PAGE, cookie }));
    for (const answer of await Promise.all(visits)) {
      expect(setCookies(answer)).toEqual({ waitroom_ticket_shop: "AAA.BBB" });
    }
    expect(await world.sent("enter")).toEqual({ room: "shop", ticket: null, pass: lapsed });
    const shown = await world.tokens.signTicket({ room: "shop", visitor: VISITOR, place: 1 });
    await world.visit("/shop", { ...PAGE, cookie: `${cookie}; waitroom_ticket_shop=${shown}` });
    expect(await world.sent("enter")).toEqual({ room: "shop", ticket: shown, pass: lapsed });
    world.answers["enter"] = () => new Response("", { status: 500 });
    const held = await world.visit("/shop", { ...PAGE, cookie });
    expect([held.status, held.headers.getSetCookie()]).toEqual([503, []]);
  });

  test("lets all in for a while when it is to be open without its service", async () => {
    world.rooms = [room({ when_unavailable: { action: "open", open_limit_s: 60 } })];
    world.answers["enter"] = () => Promise.reject(new TypeError("refused"));
    const answer = await world.visit("/shop");
    expect(await answer.text()).toBe("the site");
    const sent = (await world.sent("enter")) as { ticket: string };
    expect(setCookies(answer)).toEqual({ waitroom_ticket_shop: sent.ticket });
    expect(world.atOrigin[0]?.headers.get("waitroom-gate")).toBeNull();
  });
});

describe("a held visitor", () => {
  test("is redirected with a ticket stamped with the arrival, and no call", async () => {
    world.rooms = [room({ queueing: true })];
    const answer = await world.visit("/shop?a=b");
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toBe("/__waitroom/shop?return_to=%2Fshop%3Fa%3Db");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { waitroom_ticket_shop: ticket = "" } = setCookies(answer);
    expect(await world.tokens.readTicket(ticket, "shop")).toMatchObject({
      place: Date.now() * 1000,
    });
    expect(answer.headers.getSetCookie()[0]).toMatch(/; Secure; HttpOnly; Max-Age=86400; Path=\/;/);
    expect(world.asked()).toEqual([]);
    expect(world.atOrigin).toEqual([]);
  });

  test("gets a 303 for a form, and JSON for a program", async () => {
    world.rooms = [room({ queueing: true })];
    expect((await world.visit("/shop", PAGE, { method: "POST", body: "a=1" })).status).toBe(303);
    const answer = await world.visit("/shop", {});
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(await answer.json()).toMatchObject({ error: "queued", splash: "/__waitroom/shop" });
    world.rooms = [room({ closed: true, message: "Back on Monday." })];
    await pass(3_000);
    const closed = await world.visit("/shop", {});
    expect(await closed.json()).toMatchObject({ error: "closed", detail: "Back on Monday." });
    expect(closed.headers.getSetCookie()).toEqual([]);
  });

  test("gets the kept page in place, with a personal way without scripts", async () => {
    world.rooms = [room({ queueing: true, delivery: "inline", queueing_status_code: 202 })];
    const page = '<html lang="de"><a href="?nojs=1">';
    world.answers["shop"] = () =>
      new Response(page, {
        status: 202,
        headers: { "content-type": "text/html", "cache-control": "public, s-maxage=60" },
      });
    for (let n = 0; n < 3; n++) {
      const answer = await world.visit("/shop?a=$&b", { ...PAGE, "accept-language": "de-AT" });
      expect([answer.status, answer.headers.get("cache-control")]).toEqual([202, "no-store"]);
      expect(await answer.text()).toBe(
        '<html data-room="shop" lang="de">' +
          '<a href="/__waitroom/shop?return_to=%2Fshop%3Fa%3D%24%26b&amp;nojs=1">',
      );
      expect(Object.keys(setCookies(answer))).toEqual(["waitroom_ticket_shop"]);
    }
    expect(world.asked()).toEqual(["/__waitroom/shop"]);
    expect(world.atService.at(-1)?.headers.get("accept-language")).toBe("de");
  });

  test("is told in place that what a form sent is not kept", async () => {
    world.rooms = [room({ queueing: true, delivery: "inline" })];
    world.answers["shop"] = () =>
      new Response('<html lang="de">', {
        headers: { "content-type": "text/html", "cache-control": "public, s-maxage=60" },
      });
    const sent = await world.visit("/shop", PAGE, { method: "POST", body: "a=1" });
    expect(await sent.text()).toBe('<html data-room="shop" data-unsent lang="de">');
    const next = await world.visit("/shop", PAGE);
    expect(await next.text()).toBe('<html data-room="shop" lang="de">');
  });

  test("gets the away page when that page cannot be had, and keeps the ticket", async () => {
    world.rooms = [room({ queueing: true, delivery: "inline" })];
    const answer = await world.visit("/shop");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-security-policy")).toMatch(/style-src 'sha256-.{43}='/);
    expect(await answer.text()).toMatch(/content="5"[\s\S]*<style>:root[\s\S]*You keep your place/);
    expect(Object.keys(setCookies(answer))).toEqual(["waitroom_ticket_shop"]);
  });
});

test("a request without a clear meaning is refused, whatever the room says", async () => {
  world.rooms = [room({ suspended: true })];
  expect((await world.visit("/a%2fb")).status).toBe(400);
  expect((await world.visit("/a", { host: "site.example/shop" })).status).toBe(400);
  expect(world.atOrigin).toEqual([]);
});

test("missing settings are named, and never shown", () => {
  expect(() => new World({ WAITROOM_EDGE_TOKEN: "" })).toThrow("WAITROOM_EDGE_TOKEN");
  expect(() => new World({ WAITROOM_SERVICE_URL: "shop" })).toThrow("WAITROOM_SERVICE_URL");
  expect(() => new World({ WAITROOM_SECRET_KEYS: "short" })).toThrow(/^(?!.*short).*32/);
});
