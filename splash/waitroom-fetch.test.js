import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SCRIPT = readFileSync(new URL("./waitroom-fetch.js", import.meta.url), "utf8");
const QUEUED = { error: "queued", detail: "Wait.", splash: "/__waitroom/shop" };
const PAGE = { pathname: "/app", search: "?day=2", hash: "#seats" };

/**
 * An answer as a browser would give it; `type` cannot be set on one made by hand.
 * @param {unknown} body
 * @param {{status?: number, contentType?: string, type?: string}} [options]
 */
function reply(body, { status = 429, contentType = "application/json", type = "basic" } = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = new Response(text, { status, headers: { "Content-Type": contentType } });
  Object.defineProperty(response, "type", { value: type });
  return response;
}

/**
 * A page with the wrapper in it.
 * @param {(...asked: any[]) => Promise<Response>} server @param {object} page
 */
function load(server, page = PAGE) {
  /** @type {string[]} */
  const left = [];
  /** @type {((event: {persisted: boolean}) => void)[]} */
  const shown = [];
  /** @type {any} */
  const window = {
    fetch: server,
    location: { ...page, assign: (/** @type {string} */ to) => left.push(to) },
  };
  runInNewContext(SCRIPT, {
    window,
    addEventListener: (/** @type {string} */ name, /** @type {any} */ listener) =>
      name === "pageshow" && shown.push(listener),
  });
  return { fetch: window.fetch, left, shown };
}

/** @param {Promise<unknown>} promise */
const isPending = async (promise) => {
  const late = new Promise((resolve) => setTimeout(resolve, 20, "late"));
  return (await Promise.race([promise, late])) === "late";
};

test("a request that meets the line takes the page to the splash page, and stays open", async () => {
  const { fetch, left } = load(async () => reply(QUEUED));
  assert.ok(await isPending(fetch("/api/x")));
  assert.deepEqual(left, ["/__waitroom/shop?return_to=%2Fapp%3Fday%3D2%23seats"]);
});

test("a closed room is a matter for the splash page too", async () => {
  const { fetch, left } = load(async () => reply({ ...QUEUED, error: "closed" }));
  assert.ok(await isPending(fetch("/api/x")));
  assert.equal(left.length, 1);
});

test("many requests refused at once leave the page once", async () => {
  const { fetch, left } = load(async () => reply(QUEUED));
  assert.ok(await isPending(Promise.race([fetch("/a"), fetch("/b"), fetch("/c")])));
  assert.equal(left.length, 1);
});

test("a page that comes back by the back button gets its answer", async () => {
  const { fetch, shown } = load(async () => reply(QUEUED));
  const asked = fetch("/api/x");
  assert.ok(await isPending(asked));
  for (const listener of shown) listener({ persisted: false });
  assert.ok(await isPending(asked));
  for (const listener of shown) listener({ persisted: true });
  assert.deepEqual(await (await asked).json(), QUEUED);
});

for (const [name, answer] of /** @type {[string, () => Response][]} */ ([
  ["success", () => reply(QUEUED, { status: 200 })],
  ["unavailable", () => reply(QUEUED, { status: 503 })],
  ["from another site", () => reply(QUEUED, { type: "cors" })],
  ["opaque", () => reply("", { status: 200, contentType: "", type: "opaque" })],
  ["HTML", () => reply("<p>Slow down", { contentType: "text/html" })],
  ["the app's own limit", () => reply({ error: "slow_down" })],
  ["another word", () => reply({ ...QUEUED, error: "full" })],
  ["no JSON after all", () => reply("{")],
  ["JSON that is no object", () => reply("null")],
  ["another host", () => reply({ ...QUEUED, splash: "//evil.example/__waitroom/shop" })],
  ["another path", () => reply({ ...QUEUED, splash: "/__waitroom/../login" })],
  ["no address", () => reply({ error: "queued" })],
])) {
  test(`an answer that is not the gate's passes untouched: ${name}`, async () => {
    const made = answer();
    const { fetch, left } = load(async () => made);
    const found = await fetch("/api/x");
    assert.equal(found, made);
    assert.equal(found.bodyUsed, false);
    assert.deepEqual(left, []);
  });
}

test("only answers of status 429 in JSON are read, so that streams stay streams", async () => {
  const made = reply(QUEUED, { status: 200 });
  made.clone = () => assert.fail("read");
  assert.equal(await load(async () => made).fetch("/api/x"), made);
  const html = reply("<p>", { contentType: "text/html" });
  html.clone = () => assert.fail("read");
  assert.equal(await load(async () => html).fetch("/api/x"), html);
});

test("what the app asks and what goes wrong pass through as they are", async () => {
  const options = { method: "POST", body: "{}" };
  /** @type {unknown[]} */
  let heard = [];
  const { fetch } = load(async (...asked) => {
    heard = asked;
    throw new TypeError("Failed to fetch");
  });
  await assert.rejects(fetch("/api/x", options), /Failed to fetch/);
  assert.deepEqual(heard, ["/api/x", options]);
  assert.equal(heard[1], options);
});

test("an address that is too long or odd is cut to what the splash page takes", async () => {
  const went = async (/** @type {object} */ page) => {
    const { fetch, left } = load(async () => reply(QUEUED), { ...PAGE, ...page });
    await isPending(fetch("/api/x"));
    return decodeURIComponent(left[0]?.split("return_to=")[1] ?? "");
  };
  assert.equal(await went({ hash: "#" + "x".repeat(2_048) }), "/app?day=2");
  assert.equal(await went({ search: "?" + "x".repeat(2_048) }), "/app");
  assert.equal(await went({ pathname: "/" + "x".repeat(2_048) }), "/");
  assert.equal(await went({ pathname: "//evil.example" }), "/evil.example?day=2#seats");
  assert.equal(await went({ search: "?a=\\b" }), "/app?a=%5Cb#seats");
});
