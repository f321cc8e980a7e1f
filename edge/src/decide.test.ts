import { describe, expect, test } from "vitest";

import vectors from "../../tests/vectors/decisions.json";
import { type Decision, type Known, type Splash, decide, entered } from "./decide";
import { parseRooms } from "./rooms";
import { Tokens } from "./token";
import type { Visit } from "./visit";

const TOKENS: Record<string, string> = vectors.tokens;
// Longest name first: "@pass" also begins "@pass of epoch 4".
const NAMES = Object.keys(TOKENS).sort((a, b) => b.length - a.length);
const tokens = new Tokens(vectors.keys);

type Case = (typeof vectors.cases)[number] & {
  away_since_ms?: number;
  renewed?: Record<string, string>;
};

function filled(text: string): string {
  return text.replace(new RegExp(`@(${NAMES.join("|")})`, "g"), (_, name) => TOKENS[name] ?? "");
}

function visitOf({ visit }: Case): Visit {
  const headers: Record<string, string | undefined> = visit.headers;
  const websocket = "websocket" in visit && visit.websocket === true;
  return {
    ...visit,
    websocket,
    secure: true,
    nowMs: vectors.now_ms,
    headers: { get: (name) => (headers[name] === undefined ? null : filled(headers[name])) },
  };
}

function knownOf(shown: Case): Known {
  const told: Record<string, unknown> = vectors.rooms;
  const rooms = told[shown.rooms];
  const renewed = Object.entries(shown.renewed ?? {});
  return {
    rooms: rooms === undefined ? null : parseRooms({ rooms }),
    awaySinceMs: shown.away_since_ms ?? null,
    renewed: new Map(renewed.map(([old, now]) => [filled(old), filled(now)])),
  };
}

/** Return a decision in the form of the vectors. */
function plain(decision: Decision): Record<string, unknown> {
  switch (decision.kind) {
    case "forward": {
      const { kind, reason, room, page, renew, token } = decision;
      return { kind, reason, room, page, renew, ...(token ? { pass: token } : {}) };
    }
    case "service":
    case "refuse":
      return { ...decision };
    case "enter": {
      const { kind, room, page, ticket, splash, lapsed } = decision;
      const { answer, location } = splash;
      return { kind, room, page, ticket, answer, location, ...(lapsed ? { pass: lapsed } : {}) };
    }
    default: {
      const { issueTicket, ...rest } = decision;
      return { ...rest, issue_ticket: issueTicket };
    }
  }
}

function expected({ expect: wanted }: Case): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(wanted).map(([name, value]) => [
      name,
      (name === "pass" || name === "ticket") && typeof value === "string" ? filled(value) : value,
    ]),
  );
}

describe("the decision is the pinned one", () => {
  test.each(vectors.cases as Case[])("$name", async (shown) => {
    expect(plain(await decide(visitOf(shown), knownOf(shown), tokens))).toEqual(expected(shown));
  });
});

test("deciding a second time, with the signature remembered, gives the same", async () => {
  for (const shown of vectors.cases as Case[]) {
    expect(plain(await decide(visitOf(shown), knownOf(shown), tokens))).toEqual(expected(shown));
  }
});

test.each([
  ["admitted", "forward"],
  ["suspended", "forward"],
  ["waiting", "splash"],
  ["closed", "splash"],
] as const)("the service's word %s in an open room means %s", (status, kind) => {
  const splash: Splash = {
    kind: "splash",
    room: "shop",
    answer: "redirect",
    location: "/__waitroom/shop?return_to=%2Fshop",
    issueTicket: true,
    closed: false,
  };
  const asked = { page: "/shop", room: "shop", ticket: null, lapsed: null, splash } as const;
  const decision = entered({ kind: "enter", ...asked }, status);
  expect(decision.kind).toBe(kind);
  if (decision.kind !== "splash") return;
  // The service has given the ticket; a second one would be a second place.
  expect(decision.issueTicket).toBe(false);
  expect(decision.closed).toBe(status === "closed");
});
