// @ts-check
// Leaving is a plain form without this script; with it the goodbye is said on the spot, because
// opening any page of the shop again would take a new seat.
const form = /** @type {HTMLFormElement | null} */ (document.getElementById("leave"));
const goodbye = /** @type {HTMLTemplateElement | null} */ (document.getElementById("goodbye"));

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) throw new Error(String(answer.status));
  } catch {
    if (button) {
      button.disabled = false;
      button.textContent = "That did not work. Try again";
    }
    return;
  }
  document.querySelector(".seat")?.remove();
  document.querySelector("nav")?.remove();
  const main = document.querySelector("main");
  if (main && goodbye) main.replaceChildren(goodbye.content.cloneNode(true));
  document.title = "Goodbye · Harbour Lights";
  document.querySelector("h1")?.focus();
});
