/**
 * HMAC-SHA256 over a payload, as itsdangerous' `Signer` with `key_derivation="hmac"` makes it:
 * derived key = HMAC(secret, salt), signature = HMAC(derived key, everything before the last dot).
 */

/** Longest token looked at, in characters; ours stay under 180. */
const MAX_TOKEN_LENGTH = 256;
/** Most verified tokens remembered; the signature of a token never changes. */
const REMEMBERED_MAX = 2000;
const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

// Decoders skip foreign characters and unused bits of the last one, so without this shape one
// token would have many spellings. 32 bytes are 43 characters, the last holding 4 bits.
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

const utf8 = new TextEncoder();

/** Signs with the newest of a list of keys; all of them verify. */
export class Signer {
  readonly #secrets: readonly string[];
  readonly #salt: string;
  readonly #verified = new Map<string, { text: string }>();
  /** Oldest first; made by the first request that needs them. */
  #keys: readonly CryptoKey[] | undefined;

  /**
   * @param secrets Oldest first; the last one signs.
   * @param salt Keeps tokens of one kind from passing as another.
   */
  constructor(secrets: readonly string[], salt: string) {
    this.#secrets = secrets;
    this.#salt = salt;
  }

  /** Return a text with its signature. */
  async sign(text: string): Promise<string> {
    const payload = encode(utf8.encode(text));
    const keys = this.#keys ?? (await this.#import());
    const key = keys.at(-1);
    if (key === undefined) throw new Error("there is no signing key");
    const signature = await crypto.subtle.sign(ALGORITHM, key, utf8.encode(payload));
    return `${payload}.${encode(new Uint8Array(signature))}`;
  }

  /** Return the text of a token, or what is wrong with it. */
  async unsign(token: string): Promise<{ text: string } | "malformed" | "forged"> {
    const known = this.#verified.get(token);
    if (known !== undefined) return known;
    if (token.length > MAX_TOKEN_LENGTH || !TOKEN.test(token)) return "malformed";
    const at = token.lastIndexOf(".");
    const payload = token.slice(0, at);
    if (!(await this.#verify(payload, decode(token.slice(at + 1))))) return "forged";
    // The rest of 1 is no length that base64 can have.
    if (payload.length % 4 === 1) return "malformed";
    const found = { text: atob(payload.replaceAll("-", "+").replaceAll("_", "/")) };
    this.#remember(token, found);
    return found;
  }

  async #verify(payload: string, signature: Uint8Array): Promise<boolean> {
    const data = utf8.encode(payload);
    const keys = this.#keys ?? (await this.#import());
    for (const key of keys.toReversed()) {
      if (await crypto.subtle.verify(ALGORITHM, key, signature, data)) return true;
    }
    return false;
  }

  #remember(token: string, found: { text: string }): void {
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size < REMEMBERED_MAX) break;
      this.#verified.delete(oldest);
    }
    this.#verified.set(token, found);
  }

  async #import(): Promise<readonly CryptoKey[]> {
    // Kept as values: another request must not wait for a promise of this one.
    this.#keys = await Promise.all(
      this.#secrets.map(async (secret) => {
        const derived = await digest(utf8.encode(secret), this.#salt);
        return importKey(derived, ["sign", "verify"]);
      }),
    );
    return this.#keys;
  }
}

/** Return an address part that follows from a secret and that nobody else can guess. */
export async function derivedName(secret: string, salt: string): Promise<string> {
  const bytes = new Uint8Array(await digest(utf8.encode(secret), salt));
  return Array.from(bytes.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return bytes as base64url without padding. */
export function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function decode(part: string): Uint8Array {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

async function digest(key: Uint8Array, text: string): Promise<ArrayBuffer> {
  return crypto.subtle.sign(ALGORITHM, await importKey(key, ["sign"]), utf8.encode(text));
}

async function importKey(
  raw: ArrayBuffer | Uint8Array,
  usages: ("sign" | "verify")[],
): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, ALGORITHM, false, usages);
}
