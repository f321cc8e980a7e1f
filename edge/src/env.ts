/** The Worker's settings: three values, and a binding for sites that are Workers themselves. */

/** As the platform hands them over. */
export interface Env {
  /** Where the waiting room's web process answers, such as `https://waitroom.example.com`. */
  readonly WAITROOM_SERVICE_URL?: string;
  /** Signing keys, oldest first, separated by commas. */
  readonly WAITROOM_SECRET_KEYS?: string;
  /** Shown to the waiting room with every call. */
  readonly WAITROOM_EDGE_TOKEN?: string;
  /** The site, if it is a Worker itself; else requests go on to the address they came for. */
  readonly ORIGIN?: Fetcher;
}

/** The same, checked. */
export interface Config {
  /** Without a slash at its end. */
  readonly serviceUrl: string;
  readonly secretKeys: readonly string[];
  readonly edgeToken: string;
}

/** Shortest signing key, characters. */
const KEY_MIN = 32;

/** A value is missing or cannot be right. */
export class ConfigError extends Error {}

/**
 * Return the settings.
 * @throws ConfigError Naming the value that is wrong; it never holds a secret.
 */
export function readConfig(env: Env): Config {
  const secretKeys = required(env, "WAITROOM_SECRET_KEYS")
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
  if (secretKeys.length === 0 || secretKeys.some((key) => key.length < KEY_MIN)) {
    throw new ConfigError(`WAITROOM_SECRET_KEYS: each key has at least ${KEY_MIN} characters`);
  }
  return {
    serviceUrl: serviceUrl(required(env, "WAITROOM_SERVICE_URL")),
    secretKeys,
    edgeToken: required(env, "WAITROOM_EDGE_TOKEN"),
  };
}

function serviceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw new ConfigError("WAITROOM_SERVICE_URL: not an address such as https://waitroom.example");
  }
  return url.href.replace(/\/+$/, "");
}

function required(env: Env, name: keyof Omit<Env, "ORIGIN">): string {
  const value = env[name]?.trim();
  if (!value) throw new ConfigError(`${name} is missing`);
  return value;
}
