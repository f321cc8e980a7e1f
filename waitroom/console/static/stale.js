// @ts-check
// Says that the figures on a page stand still, since when and why, until new ones come.

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

let last = new Date();

/** Figures came: nothing to say. */
export function fresh() {
  last = new Date();
  const note = find();
  if (note) note.hidden = true;
}

/**
 * No figures came.
 *
 * @param {number} status What the waiting room answered; 0 when it did not.
 */
export function stale(status) {
  const note = find();
  if (!note) return;
  const why =
    status === 503
      ? "Redis does not answer; visitors keep their places."
      : "The waiting room cannot be reached from here.";
  const text = `These figures are from ${CLOCK.format(last)}. ${why} This page keeps trying.`;
  if (note.textContent !== text) note.textContent = text;
  note.hidden = false;
}

function find() {
  return /** @type {HTMLElement | null} */ (document.querySelector("[data-stale]"));
}
