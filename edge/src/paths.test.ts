import { expect, test } from "vitest";

import { canonicalHost, canonicalPath, latin1, prefix, within } from "./paths";

test.each([
  ["/", "/", "/"],
  ["/shop/", "/shop/", "/shop"],
  ["/Shop/A.b~c", "/Shop/A.b~c", "/shop/a.b~c"],
  ["//shop", "/shop", "/shop"],
  ["/x//shop", "/x//shop", "/x/shop"],
  ["/shop//", "/shop//", "/shop"],
  ["/x/../shop/.", "/shop/", "/shop"],
  ["/%2e%2E", "/", "/"],
  ["/.well-known/a", "/.well-known/a", "/.well-known/a"],
  ["/shop.", "/shop.", "/shop"],
  ["/%73hop;x=1/y", "/%73hop;x=1/y", "/shop/y"],
  ["/b\u00c3\u00bcro", "/b%C3%BCro", "/büro"],
  ["/%EF%BB%BFshop", "/%EF%BB%BFshop", "/\ufeffshop"],
  ["/%ff", "/%ff", "/\ufffd"],
  ["/^|{}\"<>'", "/^|{}\"<>'", "/^|{}\"<>'"],
])("%j is the page %j and matches as %j", (raw, page, match) => {
  expect(canonicalPath(raw)).toEqual({ page, match });
});

const UNCLEAR = ["", "shop", "*", "/a b", "/a\tb", "/a\\b", "/%5c", "/%2F", "/%zz", "/%", "/..;/x"];
test.each([...UNCLEAR, "/%0a", "/%7f", "/?", "/#"])("%j has no clear meaning", (raw) => {
  expect(() => canonicalPath(raw)).toThrow();
});

test.each([
  ["SITE.example.:8080", "site.example"],
  ["site.example", "site.example"],
  ["[::1]:80", "[::1]"],
  ["", ""],
])("the host %j is %j", (raw, host) => {
  expect(canonicalHost(raw)).toBe(host);
});

const NO_HOSTS = ["a b", "a/b", "user@host", "a,b", "ex%61mple", "b\u00c3\u00bcro.example", "?"];
test.each([...NO_HOSTS, "a:80:80", "a*", "\u212aelvin"])("%j is no host", (raw) => {
  expect(() => canonicalHost(latin1(raw))).toThrow();
});

test("a prefix covers itself and what is below it, not a longer word", () => {
  expect([within("/shop", "/shop"), within("/shop/a", "/shop")]).toEqual([true, true]);
  expect([within("/shopping", "/shop"), within("/sho", "/shop")]).toEqual([false, false]);
  expect(within("/anything", "/")).toBe(true);
});

test("an owner's route is compared as requests are, and one that cannot match is left out", () => {
  expect([prefix("/Büro/"), prefix("/a%zz")]).toEqual(["/büro", null]);
});
