import { expect, test } from "vitest";

import vectors from "../../tests/vectors/languages.json";
import { DEFAULT_LANGUAGE, pickLanguage } from "./languages";

test.each(vectors.cases)("'$shown' asks for $expect", (shown) => {
  expect(pickLanguage(shown.shown, vectors.offered)).toBe(shown.expect);
});

test("the default is the pinned one", () => {
  expect(DEFAULT_LANGUAGE).toBe(vectors.default);
});

test("before anything was heard it is the default", () => {
  expect(pickLanguage("de", [])).toBe(DEFAULT_LANGUAGE);
});
