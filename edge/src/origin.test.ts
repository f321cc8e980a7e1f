import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { World, pass, setCookies, stopClock } from "./testing";

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

/** Let the service admit whoever comes. */
async function admitting(): Promise<void> {
  const granted = { status: "admitted", pass: await world.pass(), ticket: null };
  const deadline_ms = Date.now() + 300_000;
  world.answers["enter"] = () => Response.json({ ...granted, deadline_ms });
}

describe("an answer with a cookie of ours", () => {
  async function controls(headers: Record<string, string>): Promise<Record<string, string>> {
    await admitting();
    world.origin = () => new Response("x", { headers });
    const answer = await world.visit("/shop");
    expect(answer.headers.getSetCookie()).toHaveLength(1);
    return Object.fromEntries([...answer.headers].filter(([name]) => /contr/.test(name)));
  }

  test("is kept from the caches that have a header of their own", async () => {
    const shared = {
      "CDN-Cache-Control": "max-age=60",
      "Cloudflare-CDN-Cache-Control": "max-age=60",
      "Surrogate-Control": "max-age=60",
    };
    const own = { "cache-control": "no-store" };
    expect(await controls({ ...shared, ...own })).toEqual(own);
  });

  test.each([
    ["private, max-age=60", "private, max-age=60"],
    ["max-age=0,No-Store", "max-age=0,No-Store"],
    ['private="set-cookie", max-age=60', "private, no-cache"],
    ['no-cache="x, private, y", max-age=60', "private, no-cache"],
    ["max-age=60, x-private", "private, no-cache"],
    ["", "private, no-cache"],
  ])("of the origin's '%s' says %s", async (said, control) => {
    expect(await controls(said ? { "cache-control": said } : {})).toEqual({
      "cache-control": control,
    });
  });
});

describe("the origin", () => {
  test("never hears what a visitor claims in the edge's name", async () => {
    const claims = {
      "Waitroom-Gate": "shop",
      waitroom_gate: "shop",
      "WAITROOM-ORIGIN": "forged",
      Waitroom_Origin: "forged",
    };
    await world.visit("/", claims);
    const seen = [...(world.atOrigin[0]?.headers ?? [])].filter(([name]) =>
      name.startsWith("waitroom"),
    );
    expect(seen.map(([name]) => name)).toEqual(["waitroom-origin"]);
    expect(seen[0]?.[1]).not.toContain("forged");
  });

  test("never hears of another page or host than the one that was judged", async () => {
    const claims = {
      "X-Original-URL": "/shop",
      "X-Rewrite-URL": "/shop",
      x_original_url: "/shop",
      "x-original_url": "/shop",
      x_rewrite_url: "/shop",
      "x_rewrite-url": "/shop",
      x_forwarded_host: "evil.example",
      "x_forwarded-host": "evil.example",
    };
    const named = (prefix: string): string[] =>
      [...(world.atOrigin.at(-1)?.headers ?? [])]
        .filter(([name]) => name.startsWith(prefix))
        .map((header) => header.join(": "));
    await world.visit("/", { ...claims, "x-other-url": "y" });
    expect(named("x")).toEqual(["x-other-url: y"]);
    await world.visit("/", { ...claims, "X-Forwarded-Host": "evil.example" });
    expect(named("x")).toEqual(["x-forwarded-host: site.example"]);
  });

  test("gets one word for many requests, and a new one before it runs out", async () => {
    const words = new Set<string | null>();
    for (let n = 0; n < 3; n++) {
      await world.visit("/");
      words.add(world.atOrigin.at(-1)?.headers.get("waitroom-origin") ?? null);
    }
    expect(words.size).toBe(1);
    await pass(31_000, 1_000);
    await world.visit("/");
    words.add(world.atOrigin.at(-1)?.headers.get("waitroom-origin") ?? null);
    expect(words.size).toBe(2);
  });

  test("gets the canonical page, its query and its body", async () => {
    world.rooms = [];
    const form = { method: "POST", body: "b" };
    const answer = await world.visit("//a/%2e%2e/b%20c?x=%zz&y=//", {}, form);
    expect(answer.status).toBe(200);
    const seen = world.atOrigin[0];
    expect(seen?.url).toBe("https://site.example/b%20c?x=%zz&y=//");
    expect(seen?.method).toBe("POST");
    expect(await seen?.text()).toBe("b");
  });

  test("gets the bytes of a query as they came, also with another path", async () => {
    const request = new Request("https://site.example/");
    // The runtime leaves bytes as they are; `Request` here would write them as escapes.
    Object.defineProperty(request, "url", { value: "https://site.example/a/../b?x=\u00fc|%zz" });
    await world.gate.answer(request, { waitUntil: () => undefined });
    expect(world.atOrigin[0]?.url).toBe("https://site.example/b?x=%C3%BC|%zz");
  });

  test("is not followed when it redirects", async () => {
    world.origin = () => Response.redirect("https://elsewhere.example/", 302);
    expect((await world.visit("/")).status).toBe(302);
    expect(world.atOrigin[0]?.redirect).toBe("manual");
  });

  test("that cannot be reached is said to be so, and the pass is kept", async () => {
    await admitting();
    world.origin = () => Promise.reject(new TypeError("connection refused"));
    const answer = await world.visit("/shop");
    expect(answer.status).toBe(502);
    expect(Object.keys(setCookies(answer))).toEqual(["waitroom_pass_shop"]);
  });

  test("is asked over its binding, where there is one", async () => {
    const seen: string[] = [];
    const ORIGIN = {
      fetch: async (request: Request) => {
        seen.push(request.url);
        return new Response("bound");
      },
    };
    const bound = new World({ ORIGIN: ORIGIN as never });
    expect(await (await bound.visit("/x")).text()).toBe("bound");
    expect(seen).toEqual(["https://site.example/x"]);
    expect(bound.atOrigin).toEqual([]);
  });
});
