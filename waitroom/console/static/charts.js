// @ts-check
// Charts and health are drawn by the server; this asks for them again each minute.

import { localTimes } from "./times.js";

const EVERY_MS = 30_000;

/**
 * Keep charts and health fresh.
 *
 * @param {HTMLElement} body The page's, with the address of its charts.
 */
export function start(body) {
  const here = /** @type {HTMLElement | null} */ (document.querySelector("[data-charts-here]"));
  if (!here) return;
  const address = `${body.dataset.charts}?span=${here.dataset.span}`;
  setInterval(() => {
    // An open table stays as it is while somebody reads it.
    if (!document.hidden && !here.querySelector("details[open]")) refresh(here, address);
  }, EVERY_MS);
}

/**
 * @param {HTMLElement} here
 * @param {string} address
 */
async function refresh(here, address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return;
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  const health = found.querySelector("[data-health]");
  const old = document.querySelector("[data-health]");
  if (health && old) old.replaceWith(health);
  localTimes(found);
  here.replaceChildren(...found.body.children);
}
