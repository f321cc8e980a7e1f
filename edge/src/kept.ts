/**
 * Answers of the service that are the same for everybody: the splash page of each room and
 * language, its files, the board.
 *
 * They are asked for without anything personal and kept only when the service calls them public,
 * so one visitor's answer never reaches another, and a new visitor of a queueing room costs the
 * service no request until its socket connects.
 */

import { ServiceError, TIME_LIMIT_MS, UnreachableError, call } from "./calls";
import { PREFIX } from "./decide";
import { type KeptAnswer, fromStored, kept, lifeS, toStored } from "./keeping";
import { type Runtime, type Waiting, until } from "./runtime";
import type { EdgeRoom } from "./rooms";
import type { Service } from "./service";
import type { Store } from "./store";
import type { Visit } from "./visit";

const PAGE = new RegExp(
  `^${PREFIX}([a-z0-9][a-z0-9_-]{0,39})(/board|/theme/[a-z0-9-]{1,40}\\.[a-z]{3,4})?$`,
);
const FILE = new RegExp(
  `^${PREFIX}(waitroom-fetch\\.js|assets/[A-Za-z0-9]{1,64}/[A-Za-z0-9._-]{1,80})$`,
);

/** Most bytes of one answer, and of all. */
const ANSWER_MAX = 1024 * 1024;
const ALL_MAX = 8 * 1024 * 1024;
/** How long an old answer is good enough while another request fetches the new one. */
const STALE_MS = 5_000;

/** A page of another theme than the one that was announced is kept for this long, seconds. */
const PASSING_S = 1;

/** What is asked for: one text for everybody of one language. */
export interface Wanted {
  readonly path: string;
  /** What the page is to look like, as the rooms say; a page of before is not shown any more. */
  readonly theme: string;
  /** Empty where there is but one for all. */
  readonly language: string;
  /** What a good answer may have. */
  readonly statuses: readonly number[];
}

/** The public answers that this isolate knows, in front of those that its data centre knows. */
export class Kept {
  readonly #service: Service;
  readonly #runtime: Runtime;
  readonly #store: Store;
  readonly #known = new Map<string, KeptAnswer>();
  /** What some request is fetching, and since when. */
  readonly #asking = new Map<string, number>();
  #bytes = 0;

  constructor(service: Service, runtime: Runtime, store: Store) {
    this.#service = service;
    this.#runtime = runtime;
    this.#store = store;
  }

  /** Return which public answer a request below `/__waitroom/` asks for; null if none. */
  wanted(visit: Visit, page: string, language: string): Wanted | null {
    if (visit.websocket || (visit.method !== "GET" && visit.method !== "HEAD")) return null;
    if (FILE.test(page)) return file(page);
    const [, name, verb] = PAGE.exec(page) ?? [];
    // Other names could be made up without end.
    const room = name === undefined ? undefined : this.#service.known().rooms?.get(name);
    if (room === undefined) return null;
    if (verb !== undefined) return file(page);
    if (new URLSearchParams(visit.query).getAll("nojs").includes("1")) return null;
    return splashPage(room, language);
  }

  /**
   * Return an answer, kept or asked for; null if it has to be asked for in the visitor's own name.
   * @throws ServiceError If there is none in time.
   */
  async get(wanted: Wanted, waiting: Waiting): Promise<KeptAnswer | null> {
    const key = `${wanted.language} ${wanted.statuses} ${wanted.theme} ${wanted.path}`;
    const found = this.#known.get(key);
    const nowMs = this.#runtime.nowMs();
    if (found !== undefined && nowMs < found.untilMs) return found;
    if (nowMs - (this.#asking.get(key) ?? Number.NEGATIVE_INFINITY) <= TIME_LIMIT_MS) {
      if (found !== undefined && nowMs < found.untilMs + STALE_MS) return found;
      await until(this.#runtime, TIME_LIMIT_MS, () => !this.#asking.has(key));
      const now = this.#known.get(key);
      if (now !== undefined && this.#runtime.nowMs() < now.untilMs) return now;
    }
    return this.#fetch(key, wanted, waiting);
  }

  async #fetch(key: string, wanted: Wanted, waiting: Waiting): Promise<KeptAnswer | null> {
    const startedMs = this.#runtime.nowMs();
    this.#asking.set(key, startedMs);
    try {
      const shared = await fromStored(await this.#store.get(key));
      if (shared !== null && this.#runtime.nowMs() < shared.untilMs) {
        this.#keep(key, shared);
        return shared;
      }
      const made = await this.#ask(wanted);
      const leftS = made && Math.ceil((made.untilMs - this.#runtime.nowMs()) / 1000);
      // What is not for everybody goes to this one visitor: it holds nothing personal.
      if (!leftS || leftS <= 0) return made;
      this.#keep(key, made);
      waiting.waitUntil(this.#store.put(key, toStored(made), leftS));
      return made;
    } finally {
      if (this.#asking.get(key) === startedMs) this.#asking.delete(key);
    }
  }

  async #ask({ path, theme, language, statuses }: Wanted): Promise<KeptAnswer | null> {
    const { breaker, url } = this.#service;
    if (!breaker.reachable) throw new UnreachableError("it is away");
    const headers = language === "" ? {} : { "accept-language": language };
    try {
      const answer = await call(this.#runtime, `${url}${path}`, { headers }, ANSWER_MAX);
      const life = statuses.includes(answer.status) ? lifeS(answer, language !== "") : 0;
      // One process of the service may not have heard yet of what another one has announced.
      const passing = (answer.headers.get("waitroom-theme") ?? "") !== theme;
      const seconds = passing ? Math.min(life, PASSING_S) : life;
      return await kept(answer, this.#runtime.nowMs(), seconds);
    } catch (error) {
      if (!(error instanceof UnreachableError)) {
        if (error instanceof ServiceError) return null;
        throw error;
      }
      throw this.#service.failed(error);
    }
  }

  #keep(key: string, answer: KeptAnswer): void {
    this.#drop(key);
    this.#known.set(key, answer);
    this.#bytes += size(answer);
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= ALL_MAX) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const gone = this.#known.get(key);
    if (gone === undefined) return;
    this.#known.delete(key);
    this.#bytes -= size(gone);
  }
}

/** Return what asks for the splash page of a room. */
export function splashPage(room: EdgeRoom, language: string): Wanted {
  const statuses = [200, room.queueingStatusCode];
  return { path: PREFIX + room.name, theme: room.theme, language, statuses };
}

function file(path: string): Wanted {
  return { path, theme: "", language: "", statuses: [200] };
}

function size(answer: KeptAnswer): number {
  return answer.body.length + (answer.zipped?.length ?? 0);
}
