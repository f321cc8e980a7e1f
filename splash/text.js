// @ts-check
/**
 * Words, numbers and waits in the visitor's language. All words come from the language file; all
 * numbers, units and plural rules from the browser's `Intl`. Pure.
 */

/** @typedef {Record<string, string|Record<string, string>>} Texts */
/** @typedef {import("./state.js").Range} Range */
/** @typedef {ReturnType<typeof makeTexts>} Say */

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/**
 * @param {string} template
 * @param {Record<string, string>} values
 */
function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** @param {string} tag @returns {string} What it is written in; empty for what is no language. */
function script(tag) {
  try {
    return new Intl.Locale(tag).maximize().script ?? "";
  } catch {
    return "";
  }
}

/**
 * The visitor's own variant of the page's language (numbers differ: de-CH, en-IN), else the
 * language itself. One in another script would mix two in one sentence: zh-TW on a page in zh.
 * @param {string} lang
 * @param {readonly string[]} wanted As the browser lists them.
 */
export function pickLocale(lang, wanted) {
  const base = lang.split("-")[0];
  const same = (/** @type {string} */ tag) =>
    tag.split("-")[0] === base && script(tag) === script(lang);
  return wanted.find(same) ?? lang;
}

/**
 * The unit to speak of a wait in, and its range rounded outwards, so that the promise holds.
 * @param {Range} range Seconds.
 * @returns {{unit: "minute"|"hour"|"day", low: number, high: number}}
 */
export function roundWait({ low, high }) {
  /** @type {["minute"|"hour"|"day", number, number]} */
  const [unit, size, step] =
    high <= 15 * MINUTE_S ? ["minute", MINUTE_S, 1]
    : high <= 90 * MINUTE_S ? ["minute", MINUTE_S, 5]
    : high <= 6 * HOUR_S ? ["hour", HOUR_S, 0.5]
    : high <= 2 * DAY_S ? ["hour", HOUR_S, 1]
    : ["day", DAY_S, 1];
  return {
    unit,
    low: Math.floor(low / size / step) * step,
    high: Math.ceil(high / size / step) * step,
  };
}

/**
 * @param {Texts} texts
 * @param {string} lang
 * @param {string} locale
 */
export function makeTexts(texts, lang, locale) {
  const numbers = new Intl.NumberFormat(locale);
  const plurals = new Intl.PluralRules(lang);
  const times = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });

  /** @param {string} unit */
  const units = (unit) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });

  /**
   * @param {string} key
   * @param {Record<string, string>} [values]
   */
  function say(key, values = {}) {
    const found = texts[key];
    return fill(typeof found === "string" ? found : key, values);
  }

  /**
   * A sentence that counts; `{n}` in it is the number.
   * @param {string} key
   * @param {number} n
   */
  function count(key, n) {
    const forms = texts[key];
    if (typeof forms !== "object") return say(key, { n: numbers.format(n) });
    return fill(forms[plurals.select(n)] ?? forms.other ?? key, { n: numbers.format(n) });
  }

  /**
   * A wait as people say it: "1–2 minutes", "about 3 hours", "less than a minute".
   * @param {Range|null} range Seconds; null when unknown.
   */
  function wait(range) {
    if (!range) return say("wait_unknown");
    if (range.high <= MINUTE_S) return say("wait_moment");
    const { unit, low, high } = roundWait(range);
    const format = units(unit);
    if (low === 0) return say("wait_under", { time: format.format(high) });
    if (low === high) return say("wait_about", { time: format.format(low) });
    // Browsers before 2023 have no formatRange.
    if (!format.formatRange) {
      return say("wait_range", { low: numbers.format(low), time: format.format(high) });
    }
    return format.formatRange(low, high);
  }

  /**
   * How long a place is kept, rounded down, so that nobody comes back too late.
   * @param {number} seconds
   */
  function keep(seconds) {
    const minutes = Math.max(1, Math.floor(seconds / MINUTE_S));
    if (minutes < 120) return units("minute").format(minutes);
    return units("hour").format(Math.floor(minutes / 60));
  }

  return {
    say,
    count,
    wait,
    keep,
    number: (/** @type {number} */ n) => numbers.format(n),
    time: (/** @type {number} */ ms) => times.format(ms),
  };
}
