/** One call to the service, with its time limit, and the ways it can fail. */

import type { Runtime } from "./runtime";

/** Longest wait for any answer of the service. */
export const TIME_LIMIT_MS = 2_000;
/** Longest answer read, bytes. */
const ANSWER_MAX = 4 * 1024 * 1024;

/** The service gave no usable answer. */
export class ServiceError extends Error {}

/** No connection, or no answer in time; as opposed to an answer that says no. */
export class UnreachableError extends ServiceError {}

/** The service wants something else; asking the same again is of no use. */
export class RefusedError extends ServiceError {}

/** An answer read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * Ask the service and read its answer.
 * @throws ServiceError If there is none in time, or it is too long.
 */
export async function call(
  runtime: Runtime,
  address: string | Request,
  init: RequestInit,
  max = ANSWER_MAX,
): Promise<Answer> {
  return timed(async (signal) => {
    const response = await runtime.fetch(address, { redirect: "manual", ...init, signal });
    const body = await readLimited(response, max);
    if (body === null) throw new ServiceError("the answer is too long");
    return { status: response.status, headers: response.headers, body };
  });
}

/** Return an answer as it came, for a visitor. */
export function passedOn({ status, headers, body }: Answer): Response {
  const own = new Headers(headers);
  // The body was unpacked when it was read.
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) own.delete(name);
  const bodiless = body.length === 0 || [101, 204, 205, 304].includes(status);
  return new Response(bodiless ? null : body, { status, headers: own });
}

/**
 * Do something that has to be over in time; what comes after the first answer has no limit.
 * @throws UnreachableError If it is not, or fails by itself.
 */
export async function timed<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  try {
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new UnreachableError("no answer in time"));
        over.abort();
      }, TIME_LIMIT_MS);
    });
    return await Promise.race([act(over.signal), limit]);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw new UnreachableError("no connection");
  } finally {
    clearTimeout(timer);
  }
}

/** Return a body; null if it is longer than `max` bytes. */
export async function readLimited(
  { body }: Pick<Request, "body">,
  max: number,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > max) return null;
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
