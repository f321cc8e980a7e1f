// @ts-check
// Says what a pasted address means, and proposes a name.

const QUIET_MS = 200;

/**
 * Follow the address field.
 *
 * @param {HTMLFormElement} form Names the address that reads addresses.
 */
export function start(form) {
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("address"));
  const name = /** @type {HTMLInputElement} */ (form.elements.namedItem("name"));
  const line = form.querySelector("[data-address-read]");
  let timer = 0;
  let proposed = "";
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(async () => {
      const query = new URLSearchParams({ address: field.value });
      const answer = await fetch(`${form.dataset.address}?${query}`).catch(() => null);
      if (!answer?.ok || !line) return;
      const read = await answer.json();
      line.textContent = read.sentence;
      if (name.value === proposed) name.value = proposed = read.name;
    }, QUIET_MS);
  });
}
