import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLive } from "./live.js";

/** Stands for the client library: one socket, which the test speaks through. */
const LIBRARY = "data:text/javascript,export const io = () => globalThis.madeSocket()";

function makeSocket() {
  /** @type {Map<string, (...args: any[]) => void>} */
  const handlers = new Map();
  const socket = {
    id: "1", connected: true, active: true, connects: 0,
    /** @param {string} name @param {(...args: any[]) => void} handler */
    on: (name, handler) => void handlers.set(name, handler),
    timeout: () => ({ emitWithAck: async () => ({ ok: true }) }),
    disconnect() {
      socket.active = socket.connected = false;
      return socket;
    },
    connect() {
      socket.connects += 1;
      socket.active = true;
      return socket;
    },
    removeAllListeners: () => handlers.clear(),
    /** @param {string} name @param {...unknown} args */
    hear: (name, ...args) => handlers.get(name)?.(...args),
  };
  return socket;
}

/** @param {ReturnType<typeof makeSocket>} socket */
function page(socket) {
  const place = { ticket: true, made: 0 };
  Object.assign(globalThis, { madeSocket: () => ((place.made += 1), socket) });
  /** @type {Map<number, () => unknown>} */
  const alarms = new Map();
  const clock = {
    /** @param {() => unknown} ring */
    set: (ring) => (alarms.set(alarms.size + 1, ring), alarms.size),
    /** @param {number} id */
    clear: (id) => void alarms.set(id, () => null),
  };
  /** @type {any} What a page without news from HTTP does. */
  const asking = {
    hasTicket: () => place.ticket, isPlanned: () => false, registered() {}, after() {}, stop() {},
  };
  const live = makeLive({ room: "shop", url: LIBRARY, clock, tell() {}, asking });
  async function ring() {
    const due = [...alarms.entries()];
    for (const [id] of due) clock.clear(id);
    for (const [, alarm] of due) await alarm();
  }
  return { live, place, ring };
}

test("a socket that was shut while there was no ticket is opened again with the next one", async () => {
  const socket = makeSocket();
  const { live, place, ring } = page(socket);
  live.start(0);
  await ring();
  assert.equal(place.made, 1);

  // The server ends it; when its time to come back is there, the ticket has been refused.
  socket.disconnect();
  socket.hear("disconnect", "io server disconnect");
  place.ticket = false;
  await ring();
  assert.equal(socket.connects, 0);

  place.ticket = true;
  live.start(0);
  await ring();
  assert.equal(socket.connects, 1);
  assert.equal(place.made, 1);
});

test("a socket that connects by itself is left alone", async () => {
  const socket = makeSocket();
  const { live, ring } = page(socket);
  live.start(0);
  await ring();
  socket.connected = false;
  socket.hear("disconnect", "transport close");
  live.start(0);
  await ring();
  assert.equal(socket.connects, 0);
});
