/** Which language of the splash page a visitor is asked for: `tests/vectors/languages.json`. */

/** What the service speaks before it has told. */
export const DEFAULT_LANGUAGE = "en";

const QUALITY = /^(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Return the language to ask the service for.
 * @param shown The visitor's `Accept-Language`.
 * @param offered What the service offers, in lower case.
 */
export function pickLanguage(shown: string, offered: readonly string[]): string {
  let best = DEFAULT_LANGUAGE;
  let bestQuality = 0;
  // A header may be as long as a visitor likes; nobody speaks more than a few languages.
  for (const part of shown.slice(0, 1000).toLowerCase().split(",")) {
    const [tag = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    const quality = weight(parameters);
    if (quality <= bestQuality) continue;
    const found = [tag, tag.split("-")[0] ?? ""].find((name) => offered.includes(name));
    if (found === undefined) continue;
    best = found;
    bestQuality = quality;
  }
  return best;
}

function weight(parameters: readonly string[]): number {
  const named = parameters.find((parameter) => /^q\s*=/.test(parameter));
  if (named === undefined) return 1;
  const value = QUALITY.exec(named.slice(named.indexOf("=") + 1).trim());
  return value ? Number(value[1]) : 0;
}
