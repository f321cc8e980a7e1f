// @ts-check
/**
 * The page's quick way to the server: Socket.IO over a WebSocket, loaded after the first view. It
 * shows the ticket, brings each change at once and carries the heartbeats. What fails is tried a
 * few times, then given up for a while that grows and differs for everybody; asking by HTTP goes
 * on meanwhile.
 */
import { readAnswer } from "./answer.js";
import { growing, jitter } from "./clock.js";

/** @typedef {import("./state.js").Message} Message */
/** @typedef {import("socket.io-client").Socket} Socket */

/** Between two heartbeats, ms. */
const BEAT_MS = 15_000;
const ACK_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** An emit without an answer is repeated so often. */
const RETRIES = 3;
/** Before a refused socket is tried again, ms. */
const REFUSED_MS = 60_000;
/** Asking begins so soon after the socket is lost, spread over this time, ms. */
const LOST_MS = 2_000;
/** Likewise where the first register is refused; the visitor still looks for a position. */
const UNKNOWN_MS = 500;

/**
 * @param {object} options
 * @param {string} options.room
 * @param {string} options.url Of the client library.
 * @param {import("./clock.js").Clock} options.clock
 * @param {(message: Message) => void} options.tell
 * @param {import("./asking.js").Asking} options.asking
 */
export function makeLive({ room, url, clock, tell, asking }) {
  /** @type {Socket|null} */
  let socket = null;
  let loading = false;
  let live = false;
  let drops = 0;
  let beatAlarm = 0;
  let openAlarm = 0;

  /** @param {number} ms */
  function openAfter(ms) {
    clock.clear(openAlarm);
    openAlarm = clock.set(open, ms);
  }

  /** @returns {Promise<typeof import("socket.io-client")>} */
  const library = () => import(url);

  async function open() {
    openAlarm = 0;
    if (loading || !asking.hasTicket()) return;
    if (socket) {
      // Off and on again: this cuts short the library's own pause before it reconnects.
      if (!socket.connected) socket.disconnect().connect();
      return;
    }
    loading = true;
    try {
      const { io } = await library();
      if (!asking.hasTicket()) return;
      socket = io({
        path: "/__waitroom/socket.io/",
        transports: ["websocket"],
        reconnectionDelay: 1_000,
        reconnectionDelayMax: 30_000,
        randomizationFactor: 0.5,
        timeout: CONNECT_TIMEOUT_MS,
      });
      listen(socket);
    } catch {
      openAfter(jitter(REFUSED_MS));
    } finally {
      loading = false;
    }
  }

  /** @param {Socket} link */
  function listen(link) {
    link.on("connect", () => void register(link));
    link.on("connect_error", () => {
      // Not active: the server said no, and the library does not try again by itself.
      if (!link.active) retry();
    });
    link.on("disconnect", (why) => {
      lost();
      if (why === "io server disconnect") retry();
    });
    link.on("queue_update", (raw) => {
      const answer = readAnswer(raw, room);
      if (!answer) return;
      tell({ type: "connection", connection: "live" });
      tell({ type: "answer", answer, nowMs: Date.now() });
    });
    link.on("admitted", () => tell({ type: "admitted" }));
    link.on("message", (raw) => {
      if (typeof raw?.text === "string") tell({ type: "message", text: raw.text });
    });
    link.on("error", (raw) => troubled(raw?.code));
  }

  /**
   * Emit until it is acknowledged, a few times at most.
   * @param {Socket} link
   * @param {string} name
   * @param {...unknown} args
   * @returns {Promise<any>} The acknowledgement; null when there was none, or the link changed.
   */
  async function insist(link, name, ...args) {
    const id = link.id;
    for (let tries = 0; tries <= RETRIES; tries += 1) {
      // What is emitted while disconnected would pile up and go out with the next connection.
      if (!link.connected || link.id !== id) return null;
      const ack = await link.timeout(ACK_TIMEOUT_MS).emitWithAck(name, ...args).catch(() => null);
      if (ack) return ack;
    }
    return null;
  }

  /** @param {Socket} link */
  async function register(link) {
    const id = link.id;
    const ack = await insist(link, "register", { room });
    if (!link.connected || link.id !== id) return;
    if (!ack) return retry();
    if (ack.error) return troubled(ack.error);
    live = true;
    asking.registered();
    tell({ type: "connection", connection: "live" });
    beatAfter(BEAT_MS);
  }

  /** @param {number} ms */
  function beatAfter(ms) {
    clock.clear(beatAlarm);
    beatAlarm = clock.set(beat, ms);
  }

  async function beat() {
    const link = socket;
    if (!link || !live) return;
    const id = link.id;
    const ack = await insist(link, "heartbeat");
    if (!live || link.id !== id) return;
    if (!ack) return retry();
    if (ack.error) return troubled(ack.error);
    drops = 0;
    beatAfter(BEAT_MS);
  }

  /** The socket brings nothing any more: ask by HTTP, but not everybody at the same moment. */
  function lost() {
    clock.clear(beatAlarm);
    if (!live) return;
    live = false;
    tell({ type: "connection", connection: "reconnecting" });
    asking.after(Math.random() * LOST_MS);
  }

  /** @param {number} [ms] */
  function retry(ms) {
    lost();
    socket?.disconnect();
    drops += 1;
    openAfter(ms ?? growing(drops));
  }

  /** @param {unknown} code As the server names it. */
  function troubled(code) {
    if (typeof code !== "string") return;
    if (asking.isPlanned()) {
      // No edge gave a ticket, or it is spent, or this tab gets no socket: HTTP tells. Whether
      // and when to try a socket again is decided with its answer.
      close();
      tell({ type: "error", code });
      return asking.after(Math.random() * UNKNOWN_MS);
    }
    if (code === "bad_token") {
      // Asking by HTTP finds out whether the ticket is at fault or only this connection.
      retry();
      return asking.after(Math.random() * LOST_MS);
    }
    tell({ type: "error", code });
    if (code === "room_not_found") {
      asking.stop();
      close();
    } else if (code === "store_unavailable") {
      // Once registered, the server says when it is over; until then, try again.
      if (live) beatAfter(BEAT_MS);
      else retry();
    } else {
      retry(jitter(REFUSED_MS));
    }
  }

  function close() {
    live = false;
    clock.clear(beatAlarm);
    clock.clear(openAlarm);
    openAlarm = 0;
    socket?.removeAllListeners();
    socket?.disconnect();
    socket = null;
  }

  return {
    close,
    isLive: () => live,
    /**
     * There is a ticket: connect, if nothing else is under way.
     * @param {number} afterMs
     */
    start(afterMs) {
      if (socket?.active || loading || openAlarm) return;
      // What fails now fails again when it is needed, and is dealt with there.
      void library().catch(() => null);
      openAfter(afterMs);
    },
    /** The visitor or the network is back: find out at once whether the line still holds. */
    wake() {
      if (live && socket?.connected) beatAfter(0);
      else openAfter(Math.random() * LOST_MS);
    },
  };
}
