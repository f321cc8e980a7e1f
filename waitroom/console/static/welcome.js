// @ts-check
// The link's value stands in the part of the address that browsers keep to themselves; it is put
// into the form, and out of the address.

/**
 * Fill in the value.
 *
 * @param {HTMLFormElement} form The form of the new password.
 */
export function start(form) {
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("link"));
  const value = location.hash.slice(1);
  if (!value) return;
  field.value = value;
  history.replaceState(null, "", location.pathname);
  const row = field.closest(".field");
  if (row instanceof HTMLElement) row.hidden = true;
}
