// @ts-check
// The list of rooms, drawn by the server, fresh every few seconds.

import { fresh, stale } from "./stale.js";

const EVERY_MS = 5_000;

/**
 * Keep the list fresh.
 *
 * @param {HTMLElement} body The page's, with the address of the list.
 */
export function start(body) {
  setInterval(async () => {
    const here = document.querySelector("[data-rooms]");
    // Whoever stands on a link with the keyboard keeps standing there.
    if (document.hidden || !here || here.contains(document.activeElement)) return;
    const signal = AbortSignal.timeout(EVERY_MS);
    const answer = await fetch(body.dataset.liveRooms ?? "", { signal }).catch(() => null);
    if (!answer?.ok) return stale(answer?.status ?? 0);
    fresh();
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    const list = found.querySelector("[data-rooms]");
    if (list) here.replaceWith(list);
  }, EVERY_MS);
}
