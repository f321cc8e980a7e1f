import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { makeTexts, pickLocale, roundWait } from "./text.js";

const folder = new URL("./languages/", import.meta.url);
/** @type {Record<string, import("./text.js").Texts>} */
const languages = Object.fromEntries(
  readdirSync(folder).map((name) => [
    name.replace(".json", ""),
    JSON.parse(readFileSync(new URL(name, folder), "utf8")),
  ]),
);

/** @param {string} lang */
function speak(lang) {
  const texts = languages[lang];
  assert.ok(texts);
  return makeTexts(texts, lang, lang);
}

const en = speak("en");

test("an unknown wait is said, not invented", () => {
  assert.equal(en.wait(null), "Not known yet");
});

test("waits read as people say them", () => {
  const minute = 60, hour = 3600, day = 86_400;
  assert.equal(en.wait({ low: 0, high: 20 }), "Less than a minute");
  assert.equal(en.wait({ low: 0, high: 100 }), "Less than 2 minutes");
  assert.equal(en.wait({ low: minute, high: 2 * minute }), "1–2 minutes");
  assert.equal(en.wait({ low: 5 * minute, high: 5 * minute }), "About 5 minutes");
  assert.equal(en.wait({ low: 22 * minute, high: 31 * minute }), "20–35 minutes");
  assert.equal(en.wait({ low: 100 * minute, high: 170 * minute }), "1.5–3 hours");
  assert.equal(en.wait({ low: 3 * hour, high: 3 * hour }), "About 3 hours");
  assert.equal(en.wait({ low: 2 * day, high: 4 * day }), "2–4 days");
});

test("rounding never promises less time or a narrower range than was said", () => {
  const size = { minute: 60, hour: 3600, day: 86_400 };
  for (let low = 0; low < 400_000; low = low * 1.3 + 7) {
    for (const spread of [1, 1.2, 2]) {
      const high = low * spread + 1;
      const rounded = roundWait({ low, high });
      assert.ok(rounded.low * size[rounded.unit] <= low);
      assert.ok(rounded.high * size[rounded.unit] >= high);
    }
  }
});

test("numbers and units follow the visitor's language", () => {
  assert.equal(speak("de").wait({ low: 60, high: 120 }), "1–2 Minuten");
  assert.equal(speak("de").count("rate", 1800), "1.800 Personen pro Minute");
  assert.match(speak("ar").wait({ low: 180, high: 600 }), /دقائق/);
});

test("plural forms follow the language's rules", () => {
  assert.equal(en.count("rate", 1), "1 person a minute");
  assert.equal(en.count("rate", 2), "2 people a minute");
  const ar = speak("ar");
  const said = [1, 2, 3, 11, 100].map((n) => ar.count("rate", n));
  assert.equal(new Set(said).size, 5);
  assert.match(said[3] ?? "", /شخصًا/);
});

test("a place is kept for the time said, rounded down", () => {
  assert.equal(en.keep(600), "10 minutes");
  assert.equal(en.keep(119), "1 minute");
  assert.equal(en.keep(86_400), "24 hours");
});

test("the browser's regional variant is used only within the page's language", () => {
  assert.equal(pickLocale("de", ["fr", "de-CH", "de"]), "de-CH");
  assert.equal(pickLocale("en", ["fr", "de-CH"]), "en");
});

test("every language has every text, with the placeholders of English", () => {
  const places = (/** @type {unknown} */ text) =>
    [...JSON.stringify(text).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  for (const [lang, texts] of Object.entries(languages)) {
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(languages.en ?? {}).sort(), lang);
    for (const [key, english] of Object.entries(languages.en ?? {})) {
      const text = texts[key];
      assert.deepEqual(new Set(places(text)), new Set(places(english)), `${lang} ${key}`);
      if (typeof english === "string") continue;
      const forms = new Intl.PluralRules(lang).resolvedOptions().pluralCategories;
      assert.deepEqual(Object.keys(text ?? {}).sort(), [...forms].sort(), `${lang} ${key}`);
    }
  }
});
