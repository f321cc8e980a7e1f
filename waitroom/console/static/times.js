// @ts-check
// Times are sent as UTC and shown in the reader's own clock.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const WHOLE = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});
const ZONE = WHOLE.formatToParts().find((part) => part.type === "timeZoneName")?.value;

/**
 * Show all times below a node in the reader's own time zone.
 *
 * @param {ParentNode} root Where to look.
 */
export function localTimes(root) {
  for (const found of root.querySelectorAll("time[data-time]")) {
    const time = /** @type {HTMLTimeElement} */ (found);
    const format = time.dataset.time === "clock" ? CLOCK : WHOLE;
    time.textContent = format.format(new Date(time.dateTime));
  }
  for (const found of root.querySelectorAll("[data-zone]")) found.textContent = ZONE ?? "";
}
