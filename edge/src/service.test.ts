import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { PAGE, World, answered, pass, room, stopClock } from "./testing";

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

/** Take away all timers; the clock goes on from where it was. */
function cutOff(): void {
  const now = Date.now();
  vi.clearAllTimers();
  vi.setSystemTime(now);
}

describe("rooms", () => {
  test("are pulled once by the first of many visitors, with the edge's token", async () => {
    world.answers["rooms"] = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return Response.json({ rooms: world.rooms });
    };
    const visits = Promise.all(Array.from({ length: 50 }, () => world.visit("/")));
    for (const answer of await answered(visits)) expect(answer.status).toBe(200);
    expect(world.pulls()).toBe(1);
    expect(world.atService[0]?.headers.get("authorization")).toBe("Bearer edge-token");
    expect(world.atService[0]?.redirect).toBe("manual");
  });

  test("are pulled every two seconds while there are visits, never within one", async () => {
    await world.visit("/");
    for (let second = 0; second < 30; second++) {
      await pass(1_000);
      const before = world.pulls();
      await world.visit("/");
      expect(world.pulls()).toBe(before);
    }
    expect(world.pulls()).toBeGreaterThanOrEqual(14);
    expect(world.pulls()).toBeLessThanOrEqual(17);
  });

  test("are not pulled when nobody comes, and a later visit waits for them once", async () => {
    await world.visit("/shop");
    await pass(60_000, 1_000);
    const pulls = world.pulls();
    expect(pulls).toBeLessThanOrEqual(11);
    world.rooms = [room({ queueing: true })];
    expect((await answered(world.visit("/shop"))).status).toBe(302);
    expect(world.pulls()).toBe(pulls + 1);
  });

  test("that changed count within five seconds, an epoch too", async () => {
    const cookie = `waitroom_pass_shop=${await world.pass()}`;
    world.rooms = [room({ queueing: true })];
    expect((await world.visit("/shop", { ...PAGE, cookie })).status).toBe(200);
    world.rooms = [room({ queueing: true, epoch: 1 })];
    await pass(2_500);
    expect((await world.visit("/shop", { ...PAGE, cookie })).status).toBe(302);
  });

  test("are pulled anew after the clock was set back", async () => {
    await world.visit("/shop");
    await pass(1_000);
    cutOff();
    vi.setSystemTime(Date.now() - 3_600_000);
    world.rooms = [room({ queueing: true })];
    expect((await answered(world.visit("/shop"))).status).toBe(302);
    const pulls = world.pulls();
    await pass(5_000);
    expect(world.pulls()).toBeGreaterThanOrEqual(pulls + 2);
  });

  test("a loop that the platform cut off is begun anew", async () => {
    await world.visit("/");
    // Cut off: its timers are gone, and nothing of it is left but its lease.
    cutOff();
    await pass(7_000, 1_000);
    expect(world.pulls()).toBe(1);
    await answered(world.visit("/"));
    await pass(4_500);
    expect(world.pulls()).toBeGreaterThanOrEqual(3);
  });

  test("a pull that the platform cut off is done anew", async () => {
    await world.visit("/");
    world.answers["rooms"] = () => new Promise<Response>(() => undefined);
    await pass(2_500);
    expect(world.pulls()).toBe(2);
    cutOff();
    delete world.answers["rooms"];
    await pass(7_000, 1_000);
    world.rooms = [room({ queueing: true })];
    expect((await answered(world.visit("/shop"))).status).toBe(302);
    await pass(4_500);
    expect(world.pulls()).toBeGreaterThanOrEqual(5);
  });

  test("a batch of renewals that the platform cut off goes out again", async () => {
    const cookie = `waitroom_pass_shop=${await world.pass(100_000)}`;
    world.answers["renew"] = () => new Promise<Response>(() => undefined);
    await world.visit("/shop", { cookie });
    await pass(1_300);
    expect(world.asked()).toEqual(["/api/edge/renew"]);
    cutOff();
    await pass(8_000, 1_000);
    await answered(world.visit("/", {}));
    await pass(1_300);
    expect(world.asked()).toEqual(["/api/edge/renew", "/api/edge/renew"]);
  });

  test("that did not change are not read again", async () => {
    world.answers["rooms"] = (request) =>
      request.headers.get("if-none-match") === '"1"'
        ? new Response(null, { status: 304 })
        : Response.json({ rooms: world.rooms }, { headers: { etag: '"1"' } });
    world.answers["enter"] = () => Response.json({ status: "waiting", ticket: "AAA.BBB" });
    expect((await world.visit("/shop")).status).toBe(302);
    await pass(3_000);
    // What `enter` had said is over with the next word of the service.
    await world.visit("/shop");
    expect(world.asked()).toEqual(["/api/edge/enter", "/api/edge/enter"]);
  });
});

describe("while the service is away", () => {
  test.each([
    ["refuses connections", () => Promise.reject(new TypeError("refused"))],
    ["never answers", () => new Promise<Response>(() => undefined)],
    ["answers garbage", () => new Response("{")],
    ["answers another shape", () => Response.json({ rooms: [{ name: 1 }] })],
    ["answers 500", () => new Response("", { status: 500 })],
    ["answers 304 to nothing", () => new Response(null, { status: 304 })],
    ["redirects", () => new Response(null, { status: 302, headers: { location: "/x" } })],
  ])("all is held before anything was heard, when it %s", async (_, answer) => {
    world.answers["rooms"] = answer;
    const started = Date.now();
    const replies = await answered(Promise.all([world.visit("/"), world.visit("/x", {})]));
    expect(Date.now() - started).toBeLessThanOrEqual(2_100);
    expect(replies.map((reply) => reply.status)).toEqual([503, 503]);
    expect(world.atOrigin).toEqual([]);
    delete world.answers["rooms"];
    await pass(3_500);
    expect((await world.visit("/")).status).toBe(200);
  });

  test("visitors with a pass notice nothing, those without are held at once", async () => {
    const cookie = `waitroom_pass_shop=${await world.pass()}`;
    await world.visit("/shop", { ...PAGE, cookie });
    world.answers["rooms"] = () => new Promise<Response>(() => undefined);
    for (let n = 0; n < 25; n++) {
      const before = Date.now();
      expect((await answered(world.visit("/shop", { ...PAGE, cookie }))).status).toBe(200);
      expect(Date.now()).toBe(before);
      await pass(200);
    }
    const started = Date.now();
    for (let n = 0; n < 20; n++) {
      expect((await world.visit("/shop", { ...PAGE, cookie })).status).toBe(200);
      expect((await world.visit("/shop")).status).toBe(503);
      expect(Date.now()).toBe(started + n * 1_000);
      await pass(1_000);
    }
    delete world.answers["rooms"];
    world.rooms = [room({ queueing: true })];
    await pass(4_000);
    expect((await world.visit("/shop")).status).toBe(302);
    expect(vi.mocked(console.warn).mock.calls).toHaveLength(2);
  });

  test("a good pull does not bring it back while nobody can enter; entering does", async () => {
    world.answers["enter"] = () => new Promise<Response>(() => undefined);
    expect((await answered(world.visit("/shop"))).status).toBe(503);
    const pulls = world.pulls();
    for (let second = 0; second < 15; second++) {
      const before = Date.now();
      expect((await answered(world.visit("/shop"))).status).toBe(503);
      expect(Date.now()).toBe(before);
      await pass(1_000);
    }
    expect(world.pulls()).toBeGreaterThan(pulls + 3);
    expect(vi.mocked(console.warn).mock.calls).toHaveLength(1);
    expect(await world.sent("enter")).toEqual({ room: "waitroom-probe", ticket: null });
    // What was heard meanwhile counts.
    world.rooms = [room({ suspended: true })];
    await pass(3_500);
    expect((await world.visit("/shop")).status).toBe(200);
    world.rooms = [room({})];
    delete world.answers["enter"];
    for (let n = 0; n < 5; n++) {
      await answered(world.visit("/"));
      await pass(1_000);
    }
    expect(vi.mocked(console.warn).mock.calls.at(-1)).toEqual(["the waiting room is back"]);
    const asked = world.asked().length;
    await pass(5_000);
    expect(world.asked()).toHaveLength(asked);
  });

  test("a room that is named like the probe is never entered by it", async () => {
    world.rooms = [room({}), { name: "waitroom-probe" }];
    world.answers["enter"] = () => new Response("", { status: 500 });
    expect((await world.visit("/shop")).status).toBe(503);
    await pass(3_000);
    expect(world.asked()).toHaveLength(1);
    expect(vi.mocked(console.warn).mock.calls.at(-1)).toEqual(["the waiting room is back"]);
  });

  test("an isolate that stood idle asks once whether it is back", async () => {
    await world.visit("/shop");
    world.answers["rooms"] = () => Promise.reject(new TypeError("refused"));
    await pass(60_000, 1_000);
    delete world.answers["rooms"];
    world.rooms = [room({ queueing: true })];
    expect((await answered(world.visit("/shop"))).status).toBe(302);
  });

  test("an isolate that starts then goes on with the copy of another", async () => {
    world.hasCache = true;
    world.rooms = [room({ queueing: true })];
    await world.visit("/shop");
    await pass(60_000, 1_000);
    world.answers["rooms"] = () => Promise.reject(new TypeError("refused"));
    const other = world.isolate();
    const cookie = `waitroom_pass_shop=${await world.pass()}`;
    expect((await answered(world.visit("/shop", { ...PAGE, cookie }, {}, other))).status).toBe(200);
    expect((await world.visit("/x", PAGE, {}, other)).status).toBe(200);
    expect((await world.visit("/shop", PAGE, {}, other)).status).toBe(503);
  });
});

describe("the data centre's cache", () => {
  test("spares the service a call when another isolate has just asked", async () => {
    world.hasCache = true;
    await world.visit("/");
    await world.visit("/", PAGE, {}, world.isolate());
    expect(world.pulls()).toBe(1);
    await pass(1_100);
    await world.visit("/", PAGE, {}, world.isolate());
    expect(world.pulls()).toBe(2);
  });

  test("has addresses that nobody can name or guess", async () => {
    world.hasCache = true;
    await world.visit("/");
    const [address = ""] = [...world.cached.keys()];
    expect(address).toMatch(/^https:\/\/[0-9a-f]{32}\.invalid\/rooms$/);
    expect(world.cached.get(address)?.headers.get("cache-control")).toBe("public, max-age=86400");
  });

  test("that holds what cannot be read, as after an upgrade, is no cache", async () => {
    world.hasCache = true;
    world.answers["rooms"] = (request) =>
      request.headers.has("if-none-match")
        ? new Response(null, { status: 304 })
        : Response.json({ rooms: world.rooms }, { headers: { etag: '"1"' } });
    await world.visit("/");
    const [address = ""] = [...world.cached.keys()];
    const meta = world.cached.get(address)?.headers.get("waitroom-meta") ?? "";
    for (const body of ["{", '{"rooms":[{"name":1}]}']) {
      world.cached.set(address, new Response(body, { headers: { "waitroom-meta": meta } }));
      expect((await world.visit("/", PAGE, {}, world.isolate())).status).toBe(200);
    }
  });

  test("whose clock is ahead does not keep rooms for longer", async () => {
    world.hasCache = true;
    await world.visit("/");
    vi.setSystemTime(Date.now() - 900);
    const other = world.isolate();
    await world.visit("/", PAGE, {}, other);
    cutOff();
    await pass(3_500);
    await answered(world.visit("/", PAGE, {}, other));
    expect(world.pulls()).toBe(2);
  });

  test("that throws is no cache", async () => {
    world.hasCache = true;
    vi.spyOn(world.cached, "set").mockImplementation(() => {
      throw new Error("No Cache was configured");
    });
    expect((await world.visit("/")).status).toBe(200);
  });
});

test("nothing of a token is written to the log", async () => {
  const log = vi.mocked(console.warn);
  world.answers["enter"] = () => Response.json({ status: "waiting", ticket: "secret token" });
  await world.visit("/shop");
  expect(log.mock.calls.flat()).toEqual([
    "the waiting room is away: enter answered something unexpected",
  ]);
});
