// @ts-check
/**
 * The page's alarm clock, as a Web Worker: browsers slow the timers of a hidden page down to one a
 * minute, too slow for heartbeats, but leave those of a worker alone. `{id, afterMs}` sets an
 * alarm; `id` comes back when it is due. The page forgets the alarms it no longer wants.
 */
self.addEventListener("message", ({ data }) => {
  setTimeout(() => self.postMessage(data.id), data.afterMs);
});
