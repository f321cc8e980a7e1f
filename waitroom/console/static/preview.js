// @ts-check
// The preview follows the form: whatever is changed is shown, a moment later.

const QUIET_MS = 400;

/**
 * Follow a form.
 *
 * @param {HTMLFormElement} form The editor.
 */
export function start(form) {
  const show = /** @type {HTMLButtonElement} */ (form.querySelector("[data-preview-now]"));
  let timer = 0;
  if (form.dataset.unsaved === "changed") form.requestSubmit(show);
  form.addEventListener("input", ({ target }) => {
    if (target instanceof HTMLInputElement && target.type === "color") choose(form, target);
    clearTimeout(timer);
    timer = window.setTimeout(() => form.requestSubmit(show), QUIET_MS);
  });
}

/**
 * Whoever picks a colour wants it to be used.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} colour
 */
function choose(form, colour) {
  const own = form.elements.namedItem(`${colour.name.split(".")[0]}.on`);
  if (own instanceof HTMLInputElement) own.checked = true;
}
