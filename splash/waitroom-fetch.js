// @ts-check
/**
 * For single-page apps: a request that meets the line takes the page to the splash page, and the
 * visitor comes back to this very page, query and fragment included. Put it before the app:
 *
 *     <script src="/__waitroom/waitroom-fetch.js"></script>
 *
 * It looks into this site's answers of status 429 in JSON only; all else passes untouched.
 */
(() => {
  "use strict";
  /** Longest `return_to` that the service takes. */
  const LONGEST = 2_048;
  /** Requests that are refused so soon after another don't start the navigation anew, ms. */
  const LEAVING_MS = 5_000;
  const { fetch: original, location } = window;
  let leftMs = 0;

  /** @returns {string} This page, or as much of its address as the splash page takes. */
  function here() {
    const { pathname, search, hash } = location;
    // The service takes a backslash for a trick; escaped it means the same.
    const parts = [pathname.replace(/^\/+/, "/"), search, hash]
      .map((part) => part.replace(/\\/g, "%5C"));
    while (parts.join("").length > LONGEST) parts.pop();
    return parts.join("") || "/";
  }

  /**
   * @param {Response} response
   * @returns {Promise<string|false>} Where to wait; false when the answer is not the gate's.
   */
  async function splashOf(response) {
    try {
      const { error, splash } = await response.clone().json();
      const queued = error === "queued" || error === "closed";
      return queued && /^\/__waitroom\/[\w-]+$/.test(splash) && splash;
    } catch {
      return false;
    }
  }

  /** @type {typeof window.fetch} */
  window.fetch = async function fetch(...asked) {
    // Called as the app called it, right or wrong.
    const response = await original.apply(this, asked);
    const json = /json/i.test(response.headers.get("Content-Type") ?? "");
    if (response.status !== 429 || response.type !== "basic" || !json) return response;
    const splash = await splashOf(response);
    if (!splash) return response;
    if (Date.now() - leftMs > LEAVING_MS) {
      leftMs = Date.now();
      location.assign(`${splash}?return_to=${encodeURIComponent(here())}`);
    }
    // While the page is leaving, the app has nothing to report; unless "back" brings it back.
    return new Promise((resolve) => {
      addEventListener("pageshow", ({ persisted }) => persisted && resolve(response));
    });
  };
})();
