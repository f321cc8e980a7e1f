/** JSON from the network and the cache: read whole and as expected, or not at all. */

import * as v from "valibot";

/** Return what a text says; null if it has not the expected shape. */
export function readJson<T extends v.GenericSchema>(
  schema: T,
  text: string,
): v.InferOutput<T> | null {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    // What is wrong is not said: it would quote tokens.
    return null;
  }
}
