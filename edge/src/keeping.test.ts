import { expect, test } from "vitest";

import { fromStored, kept, lifeS, respond, toStored } from "./keeping";

const BODY = new TextEncoder().encode("hello ".repeat(200));

function answer(headers: Record<string, string>, status = 200) {
  return { status, headers: new Headers(headers), body: BODY };
}

test.each([
  ["public, max-age=0, s-maxage=60, must-revalidate", 60],
  ["public, max-age=1", 1],
  ['PUBLIC, max-age="30"', 30],
  ["public, max-age=31536000, immutable", 86_400],
  ["public", 0],
  ["max-age=60", 0],
  ["private, max-age=60", 0],
  ["public, max-age=60, no-store", 0],
  ["public, max-age=60, no-cache", 0],
  ["public, max-age=-1", 0],
  ["public, max-age=x", 0],
  ["", 0],
])("with Cache-Control '%s' an answer is kept for %d s", (control, life) => {
  expect(lifeS(answer({ "cache-control": control }), false)).toBe(life);
});

test("an answer with a cookie, or that varies by more than we ask, is for one visitor", () => {
  const control = { "cache-control": "public, max-age=60" };
  expect(lifeS(answer({ ...control, "set-cookie": "a=1" }), false)).toBe(0);
  expect(lifeS(answer({ ...control, vary: "Cookie" }), true)).toBe(0);
  expect(lifeS(answer({ ...control, vary: "Accept-Language" }), false)).toBe(0);
  expect(lifeS(answer({ ...control, vary: "Accept-Language, Accept-Encoding" }), true)).toBe(60);
  expect(lifeS(answer({ ...control, age: "50" }), false)).toBe(10);
});

test("it goes gzipped to those who can unzip it, without headers of one connection", async () => {
  const shown = { "content-type": "text/html", server: "x", connection: "close", etag: '"e"' };
  const found = await kept(answer(shown), 1_000, 60);
  const ask = (accept: string): Response =>
    respond(found, new Request("https://h/", { headers: { "accept-encoding": accept } }), 3_500);
  const zipped = ask("br, gzip");
  expect(zipped.headers.get("content-encoding")).toBe("gzip");
  const unzipped = zipped.body?.pipeThrough(new DecompressionStream("gzip"));
  expect(await new Response(unzipped ?? null).bytes()).toEqual(BODY);
  for (const accept of ["", "br", "gzip;q=0", "gzip; q=0.000, br", "xgzipx"]) {
    expect(ask(accept).headers.get("content-encoding")).toBeNull();
  }
  expect([...ask("").headers]).toEqual([
    ["age", "2"],
    ["content-type", "text/html"],
    ["etag", 'W/"e"'],
    ["vary", "Accept-Encoding"],
  ]);
});

test("a browser that has it hears that nothing changed, and HEAD gets no body", async () => {
  const found = await kept(answer({ etag: 'W/"e"', "content-type": "text/html" }), 0, 60);
  const ask = (init: RequestInit): Response => respond(found, new Request("https://h/", init), 0);
  for (const tags of ['W/"e"', '"x", "e"', "*"]) {
    const same = ask({ headers: { "if-none-match": tags } });
    expect([same.status, same.headers.get("etag"), await same.text()]).toEqual([304, 'W/"e"', ""]);
  }
  expect(ask({ headers: { "if-none-match": 'W/"ee"' } }).status).toBe(200);
  expect(await ask({ method: "HEAD" }).text()).toBe("");
  const empty = await kept({ ...answer({}, 204), body: new Uint8Array() }, 0, 0);
  expect(respond(empty, new Request("https://h/"), 0).status).toBe(204);
});

test("a page of another status than 200 is never said to be unchanged", async () => {
  const found = await kept(answer({ etag: 'W/"e"' }, 202), 0, 60);
  const request = new Request("https://h/", { headers: { "if-none-match": 'W/"e"' } });
  expect(respond(found, request, 0).status).toBe(202);
});

test("shared with another isolate it is the same", async () => {
  const found = await kept(answer({ "content-type": "text/css", etag: 'W/"e"' }), 5, 60);
  expect(await fromStored(toStored(found))).toEqual(found);
  expect(await fromStored({ meta: "{}", body: BODY })).toBeNull();
  expect(await fromStored(null)).toBeNull();
});
