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

test("a variant in another script is not mixed into the page", () => {
  assert.equal(pickLocale("zh", ["zh-TW", "en"]), "zh");
  assert.equal(pickLocale("zh", ["zh-HK", "zh-SG"]), "zh-SG");
  assert.equal(pickLocale("hi", ["hi-Latn", "hi-IN"]), "hi-IN");
  assert.equal(pickLocale("zh", ["zh-!!"]), "zh");
});

test("waits are rounded as on the page without scripts", () => {
  const vectors = new URL("../tests/vectors/waits.json", import.meta.url);
  const { rounded } = JSON.parse(readFileSync(vectors, "utf8"));
  assert.ok(rounded.length > 10);
  for (const [low, high, unit, from, to] of rounded) {
    assert.deepEqual(roundWait({ low, high }), { unit, low: from, high: to }, `${low} ${high}`);
  }
});

test("there are the languages that owners were promised", () => {
  const promised = "ar de en es fr hi it ja ko nl pl pt tr zh".split(" ");
  assert.deepEqual(Object.keys(languages).sort(), promised);
});

test("every language says a wait, a count and a time in its own words and digits", () => {
  const waits = new Set();
  for (const lang of Object.keys(languages)) {
    const say = speak(lang);
    waits.add(say.wait({ low: 180, high: 360 }));
    for (const n of [0, 1, 2, 3, 5, 11, 100, 1_000_000]) {
      const said = say.count("people_waiting", n);
      assert.doesNotMatch(said, /[{}]|undefined|people_waiting/, `${lang} ${n}`);
    }
    assert.doesNotMatch(say.keep(600), /[{}]/, lang);
  }
  // Minutes are "minutes" in English and French.
  assert.ok(waits.size >= Object.keys(languages).length - 1);
  assert.equal(speak("pl").count("people_waiting", 3), "3 osoby w kolejce");
  assert.equal(speak("pl").count("people_waiting", 5), "5 osób w kolejce");
  assert.match(speak("es").count("rate", 1_000_000), /^1\.000\.000 de personas/);
  assert.equal(makeTexts(languages.hi ?? {}, "hi", "hi-IN").number(1_234_567), "12,34,567");
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
