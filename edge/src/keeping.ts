/**
 * An answer without anything personal, as it is kept: its bytes, plain and gzipped, and until when
 * it is fresh.
 */

import * as v from "valibot";

import type { Answer } from "./calls";
import { readJson } from "./json";
import type { Stored } from "./store";

/** Longest time that anything is kept, seconds. */
const KEEP_MAX_S = 86_400;
/** Shorter answers are not worth compressing. */
const ZIP_MIN = 512;
const ZIPPED_TYPES = /^(text\/|application\/(json|javascript)|image\/svg)/;
/** Sent with a kept answer as the service sent them; the rest belongs to one connection. */
const KEPT_HEADERS = [
  "cache-control",
  "content-language",
  "content-security-policy",
  "content-type",
  "cross-origin-resource-policy",
  "etag",
  "location",
  "permissions-policy",
  "referrer-policy",
  "retry-after",
  "vary",
  "x-content-type-options",
];

const metaSchema = v.object({
  status: v.number(),
  headers: v.array(v.array(v.string())),
  keptMs: v.number(),
  untilMs: v.number(),
});

/** An answer that was asked for without anything personal; kept only if everybody may see it. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: string[][];
  readonly body: Uint8Array;
  /** Null if that is not worth it. */
  readonly zipped: Uint8Array | null;
  readonly keptMs: number;
  /** From then on it is asked for again, ms since the epoch; `keptMs` if it is never to be kept. */
  readonly untilMs: number;
}

/**
 * Return an answer of the service in the form that can be kept.
 * @param seconds For how long it may be; 0 if it is for one request only.
 */
export async function kept(answer: Answer, nowMs: number, seconds: number): Promise<KeptAnswer> {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = answer.headers.get(name);
    // Gzipped it is another file, byte for byte.
    const weak = name === "etag" && !value?.startsWith("W/") ? "W/" : "";
    return value === null ? [] : [[name, weak + value]];
  });
  const { status, body } = answer;
  const zipped = await zip(headers, body);
  if (zipped !== null && !listed(answer.headers, "vary").includes("accept-encoding")) {
    headers.push(["vary", "Accept-Encoding"]);
  }
  return { status, headers, body, zipped, keptMs: nowMs, untilMs: nowMs + seconds * 1000 };
}

/**
 * Return for how many seconds an answer may be used; 0 if it is not for everybody.
 * @param perLanguage It was asked for in one language.
 */
export function lifeS({ headers }: Answer, perLanguage: boolean): number {
  const rules = new Map<string, string>();
  for (const rule of listed(headers, "cache-control")) {
    const [name = "", value = ""] = rule.split("=").map((part) => part.trim());
    rules.set(name, value.replaceAll('"', ""));
  }
  const varies = listed(headers, "vary").filter(
    (name) => name !== "accept-encoding" && !(perLanguage && name === "accept-language"),
  );
  const personal = ["private", "no-store", "no-cache"].some((name) => rules.has(name));
  if (!rules.has("public") || personal || varies.length > 0 || headers.has("set-cookie")) return 0;
  const age = seconds(headers.get("age") ?? "0");
  const life = seconds(rules.get("s-maxage") ?? rules.get("max-age") ?? "0");
  return Math.min(Math.max(life - age, 0), KEEP_MAX_S);
}

/** Return an answer as it is shared between isolates. */
export function toStored({ status, headers, body, keptMs, untilMs }: KeptAnswer): Stored {
  return { meta: JSON.stringify({ status, headers, keptMs, untilMs }), body };
}

/** Return an answer that another isolate has shared. */
export async function fromStored(stored: Stored | null): Promise<KeptAnswer | null> {
  const meta = stored && readJson(metaSchema, stored.meta);
  if (!meta) return null;
  const { body } = stored;
  return { ...meta, body, zipped: await zip(meta.headers, body) };
}

/** Return a kept answer for one request: whole, gzipped, without a body, or not changed. */
export function respond(answer: KeptAnswer, request: Request, nowMs: number): Response {
  const { status, zipped, body } = answer;
  const headers = new Headers(answer.headers);
  headers.set("age", String(Math.max(0, Math.floor((nowMs - answer.keptMs) / 1000))));
  if (status === 200 && isSame(headers.get("etag"), request.headers.get("if-none-match"))) {
    headers.delete("content-type");
    return new Response(null, { status: 304, headers });
  }
  const unzips = zipped !== null && acceptsGzip(request.headers.get("accept-encoding") ?? "");
  if (unzips) headers.set("content-encoding", "gzip");
  const bodiless = request.method === "HEAD" || body.length === 0;
  const sent = bodiless ? null : unzips ? zipped : body;
  return new Response(sent, { status, headers, encodeBody: "manual" });
}

function isSame(etag: string | null, shown: string | null): boolean {
  if (!etag || shown === null) return false;
  const bare = (tag: string): string => tag.trim().replace(/^W\//, "");
  return shown.split(",").some((tag) => bare(tag) === bare(etag) || tag.trim() === "*");
}

function acceptsGzip(shown: string): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0{0,3})?\s*(?:,|$))/i.test(shown);
}

async function zip(headers: string[][], body: Uint8Array): Promise<Uint8Array | null> {
  const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
  if (body.length < ZIP_MIN || !ZIPPED_TYPES.test(type)) return null;
  const zipping = new Response(body).body?.pipeThrough(new CompressionStream("gzip"));
  return zipping ? new Uint8Array(await new Response(zipping).arrayBuffer()) : null;
}

function listed(headers: Headers, name: string): string[] {
  const parts = (headers.get(name) ?? "").toLowerCase().split(",");
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function seconds(text: string): number {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
}
