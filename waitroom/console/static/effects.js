// @ts-check
// What a value would do, said below its field while it is typed.

const QUIET_MS = 250;

/**
 * Follow the fields of a form.
 *
 * @param {HTMLFormElement} form Names the address that knows effects.
 */
export function start(form) {
  /** @type {Map<string, number>} */
  const waiting = new Map();
  form.addEventListener("input", (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    const line = document.getElementById(`${field.name}-effect`);
    if (!line) return;
    clearTimeout(waiting.get(field.name));
    waiting.set(field.name, window.setTimeout(() => ask(form, field, line), QUIET_MS));
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} field
 * @param {HTMLElement} line
 */
async function ask(form, field, line) {
  const value = field.type === "checkbox" ? String(field.checked) : field.value;
  const query = new URLSearchParams({ setting: field.name, value });
  const answer = await fetch(`${form.dataset.effects}?${query}`).catch(() => null);
  if (answer?.ok) line.textContent = (await answer.json()).effect;
}
