/**
 * An owner's rules for requests that go through uncounted. A rule applies when all that it names
 * does.
 */

import ipaddr from "ipaddr.js";
import * as v from "valibot";

import { type Path, prefix, within } from "./paths";
import type { Visit } from "./visit";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/** A rule as the service tells it. */
export const ruleSchema = v.strictObject({
  path: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^\//))), null),
  methods: v.optional(v.nullable(v.array(v.string())), null),
  header: v.optional(v.nullable(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/))), null),
  value: v.optional(v.nullable(v.string()), null),
  network: v.optional(v.nullable(v.pipe(v.string(), v.check(isNetwork))), null),
});

/** A rule ready to be asked. */
export interface Rule {
  readonly named: boolean;
  /** Undefined: any path. Null: one that no request can be below. */
  readonly path: string | null | undefined;
  readonly methods: readonly string[] | null;
  readonly header: string | null;
  readonly value: string | null;
  readonly network: Network | null;
}

const utf8 = new TextEncoder();

/** Return a rule ready to be asked. */
export function compiled(told: v.InferOutput<typeof ruleSchema>): Rule {
  const { methods, header, value } = told;
  return {
    named: [told.path, methods, header, told.network].some((part) => part !== null),
    path: told.path === null ? undefined : prefix(told.path),
    methods,
    header,
    value,
    network: told.network === null ? null : networkOf(told.network),
  };
}

/** Say whether a rule lets a request through. */
export function applies(rule: Rule, visit: Visit, path: Path): boolean {
  if (!rule.named || rule.path === null) return false;
  if (rule.path !== undefined && !within(path.match, rule.path)) return false;
  if (rule.methods !== null && !rule.methods.includes(visit.method)) return false;
  if (rule.header !== null && !shows(rule.header, rule.value, visit)) return false;
  return rule.network === null || isIn(rule.network, visit.address);
}

function shows(header: string, value: string | null, visit: Visit): boolean {
  const shown = visit.headers.get(header);
  return shown !== null && !!value && equal(utf8.encode(shown), utf8.encode(value));
}

/** Compare in a time that does not tell how much was right. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let different = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) different |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return different === 0;
}

function isIn([network, bits]: Network, address: string): boolean {
  const found = addressOf(address);
  return found !== null && found.kind() === network.kind() && found.match(network, bits);
}

function addressOf(text: string): Address | null {
  // The library takes more spellings of IPv4 than anybody should send.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : null;
}

function networkOf(text: string): Network {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

function isNetwork(text: string): boolean {
  try {
    networkOf(text);
    return true;
  } catch {
    return false;
  }
}
