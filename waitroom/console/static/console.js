// @ts-check
// The one script of every page: each concern is a module, loaded where its page asks for it.

import { localTimes } from "./times.js";

const body = document.body;
localTimes(document);
if (body.dataset.room) {
  import("./live.js").then((live) => live.start(body));
  import("./charts.js").then((charts) => charts.start(body));
}
if (body.dataset.liveRooms) import("./rooms.js").then((rooms) => rooms.start(body));
for (const form of document.querySelectorAll("form[data-effects]")) {
  import("./effects.js").then((effects) => effects.start(/** @type {HTMLFormElement} */ (form)));
}
/** @type {NodeListOf<HTMLFormElement>} */
const unsaved = document.querySelectorAll("form[data-unsaved]");
if (unsaved.length) import("./unsaved.js").then((found) => found.start(unsaved));
// What is being made is looked for again, until it is there. The address says that nobody asked, so
// that the page keeps no sign-in alive.
if (document.querySelector("[data-again]")) setTimeout(() => location.replace("?again=1"), 3_000);
const address = document.querySelector("form[data-address]");
if (address) {
  import("./address.js").then((found) => found.start(/** @type {HTMLFormElement} */ (address)));
}
const welcome = document.querySelector("form[data-welcome]");
if (welcome) import("./welcome.js").then((found) => found.start(/** @type {HTMLFormElement} */ (welcome)));
const preview = document.querySelector("form[data-preview]");
if (preview) import("./preview.js").then((found) => found.start(/** @type {HTMLFormElement} */ (preview)));
