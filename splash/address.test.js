import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress } from "./address.js";

const ORIGIN = "https://tickets.example";

/**
 * @param {string} address As the browser shows it.
 * @param {Record<string, string>} page
 */
function read(address, page = {}) {
  const { origin, pathname, search, hash } = new URL(address, ORIGIN);
  return readAddress({ origin, pathname, search, hash }, page);
}

/** @param {string} page */
const splash = (page) => `/__waitroom/shop?return_to=${encodeURIComponent(page)}`;

test("the splash page's address names room and way back", () => {
  const found = read(splash("/tickets?day=2&seat=a%20b"));
  assert.equal(found.room, "shop");
  assert.equal(found.returnTo, "/tickets?day=2&seat=a%20b");
  assert.equal(found.goUrl,
    `/__waitroom/shop/go?return_to=${encodeURIComponent("/tickets?day=2&seat=a%20b")}`);
  assert.equal(found.wanted, "/tickets?day=2&seat=a%20b");
  assert.equal(read("/__waitroom/shop").returnTo, "/");
  assert.equal(read("/__waitroom/shop/").room, "shop");
});

test("the fragment that the browser carried along is put back", () => {
  assert.equal(read(`${splash("/tickets?day=2")}#seats`).returnTo, "/tickets?day=2#seats");
  assert.equal(read(`${splash("/")}#/route?x=1`).returnTo, "/#/route?x=1");
  assert.equal(read(`${splash("/tickets")}#seats`).wanted, "/tickets#seats");
  assert.equal(read(`${splash("/tickets")}#a\\b`).returnTo, "/tickets#a%5Cb");
});

test("a fragment in return_to itself counts before the carried one", () => {
  assert.equal(read(`${splash("/app#seats")}#other`).returnTo, "/app#seats");
});

test("a fragment that would make the way back too long is left out", () => {
  const page = `/${"x".repeat(2_040)}`;
  assert.equal(read(`${splash(page)}#seats`).returnTo, `${page}#seats`);
  assert.equal(read(`${splash(page)}#seats12`).returnTo, page);
});

test("in place the page's own address is the way back", () => {
  const found = read("/tickets?day=2&return_to=%2Fother#seats", { room: "shop" });
  assert.equal(found.room, "shop");
  assert.equal(found.returnTo, "/tickets?day=2&return_to=%2Fother#seats");
  assert.equal(read("/tickets?a=\\b", { room: "shop" }).returnTo, "/tickets?a=%5Cb");
  assert.equal(read(`/tickets?${"x".repeat(2_048)}`, { room: "shop" }).returnTo, "/tickets");
});

test("in place no spelling of the path leads to another host", () => {
  const { origin } = new URL(ORIGIN);
  const odd = { origin, pathname: "//evil.example/x", search: "", hash: "" };
  assert.equal(readAddress(odd, { room: "shop" }).returnTo, "/evil.example/x");
});

test("the page wanted is on this host", () => {
  const odd = ["//evil.example/x", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"];
  for (const page of odd) {
    assert.equal(new URL(read(splash(page)).wanted, ORIGIN).origin, ORIGIN, page);
  }
});

test("a form that met the line is known by the address, in place by the edge's note", () => {
  assert.equal(read(`${splash("/buy")}&unsent=1`).unsent, true);
  assert.equal(read(splash("/buy?unsent=1")).unsent, false);
  assert.equal(read("/buy", { room: "shop", unsent: "" }).unsent, true);
  assert.equal(read("/buy?unsent=1", { room: "shop" }).unsent, false);
});
