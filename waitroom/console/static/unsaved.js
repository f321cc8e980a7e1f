// @ts-check
// Asks before a page is left on which something was typed and not saved.

/**
 * Follow some forms.
 *
 * @param {Iterable<HTMLFormElement>} forms Each with a button of its own that saves it.
 */
export function start(forms) {
  /** @type {Set<HTMLFormElement>} */
  const changed = new Set();
  for (const form of forms) {
    // What is shown was typed before, on the page that led here.
    if (form.dataset.unsaved === "changed") changed.add(form);
    form.addEventListener("input", () => changed.add(form));
    form.addEventListener("submit", ({ submitter }) => {
      // The answer to a button with a target of its own leaves this page as it is.
      if (!submitter?.hasAttribute("formtarget")) changed.delete(form);
    });
  }
  addEventListener("beforeunload", (event) => {
    if (changed.size) event.preventDefault();
  });
}
