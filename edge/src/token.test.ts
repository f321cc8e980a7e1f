import { describe, expect, test } from "vitest";

import vectors from "../../tests/vectors/tokens.json";
import { encode } from "./signer";
import { type Defect, type OriginProof, type Pass, type Ticket, Tokens } from "./token";

const KEY = "k".repeat(32);
const VISITOR = "AAECAwQFBgcICQoLDA0ODw";
const ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\0%";

type Fields = {
  room?: string;
  visitor?: string;
  place?: number;
  deadline_ms?: number;
  epoch?: number;
};
type Signed = { name: string; kind: string; keys: string[]; fields: Fields; token: string };
type Read = Omit<Signed, "fields"> & {
  room?: string;
  epoch?: number;
  now_ms?: number;
  expect: { fields?: Fields; error?: string };
};

async function sign({ kind, keys, fields }: Signed): Promise<string> {
  const tokens = new Tokens(keys);
  const { room = "", visitor = "", place = 0, deadline_ms: deadlineMs = 0, epoch = 0 } = fields;
  if (kind === "ticket") return tokens.signTicket({ room, visitor, place });
  if (kind === "origin") return tokens.signOrigin({ deadlineMs });
  return tokens.signPass({ room, visitor, deadlineMs, epoch });
}

async function read(shown: Read, tokens: Tokens): Promise<Ticket | Pass | OriginProof | Defect> {
  const { kind, token, room = "", epoch = 0, now_ms: nowMs = 0 } = shown;
  if (kind === "ticket") return tokens.readTicket(token, room);
  if (kind === "origin") return tokens.readOrigin(token, nowMs);
  return tokens.readPass(token, room, { epoch, nowMs });
}

function camel(fields: Fields): Record<string, unknown> {
  const { deadline_ms: deadlineMs, ...rest } = fields;
  return deadlineMs === undefined ? rest : { ...rest, deadlineMs };
}

describe("signing gives the pinned token", () => {
  test.each(vectors.sign as Signed[])("$kind: $name", async (shown) => {
    expect(await sign(shown)).toBe(shown.token);
  });
});

describe("reading gives the pinned outcome", () => {
  test.each(vectors.read as Read[])("$kind: $name", async (shown) => {
    const wanted = shown.expect.fields ? camel(shown.expect.fields) : shown.expect.error;
    const tokens = new Tokens(shown.keys);
    expect(await read(shown, tokens)).toEqual(wanted);
    // Once more, now that the signature may be remembered.
    expect(await read(shown, tokens)).toEqual(wanted);
  });
});

test("no other spelling of a token is accepted", async () => {
  const tokens = new Tokens([KEY]);
  const token = await tokens.signTicket({ room: "shop", visitor: VISITOR, place: 7 });
  const spellings = [...ALPHABET].flatMap((char) => [char + token, token + char]);
  for (let at = 0; at < token.length; at++) {
    for (const char of ALPHABET) spellings.push(token.slice(0, at) + char + token.slice(at + 1));
  }
  for (const spelling of spellings.filter((text) => text !== token)) {
    expect(["malformed", "forged"]).toContain(await tokens.readTicket(spelling, "shop"));
  }
});

test("a remembered pass still runs out, ends with its epoch and stays in its room", async () => {
  const tokens = new Tokens([KEY]);
  const pass = { room: "shop", visitor: VISITOR, deadlineMs: 100_000, epoch: 3 };
  const token = await tokens.signPass(pass);
  expect(await tokens.readPass(token, "shop", { epoch: 3, nowMs: 0 })).toEqual(pass);
  expect(await tokens.readPass(token, "shop", { epoch: 3, nowMs: 105_000 })).toBe("expired");
  expect(await tokens.readPass(token, "shop", { epoch: 4, nowMs: 0 })).toBe("expired");
  expect(await tokens.readPass(token, "museum", { epoch: 3, nowMs: 0 })).toBe("forged");
  expect(await tokens.readTicket(token, "shop")).toBe("forged");
});

test("a pass that ran out is still found within its grace", async () => {
  const tokens = new Tokens([KEY]);
  const token = await tokens.signPass({
    room: "shop",
    visitor: VISITOR,
    deadlineMs: 100_000,
    epoch: 0,
  });
  const terms = { epoch: 0, graceMs: 300_000 };
  expect(await tokens.readPass(token, "shop", { ...terms, nowMs: 404_999 })).toHaveProperty("room");
  expect(await tokens.readPass(token, "shop", { ...terms, nowMs: 405_000 })).toBe("expired");
});

test("more tokens than are remembered verify all the same", async () => {
  const tokens = new Tokens([KEY]);
  for (let place = 0; place < 2100; place++) {
    const token = await tokens.signTicket({ room: "shop", visitor: VISITOR, place });
    expect(await tokens.readTicket(token, "shop")).toHaveProperty("place", place);
  }
});

test("signing without a key is refused at once", () => {
  expect(() => new Tokens([])).toThrow();
});

test("base64url has no padding and its own two characters", () => {
  expect(encode(new Uint8Array([255, 239, 190, 0]))).toBe("_---AA");
});
