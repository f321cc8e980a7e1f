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
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => form.requestSubmit(show), QUIET_MS);
  });
}
