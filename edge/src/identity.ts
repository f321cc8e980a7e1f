/** The cookies that hold a visitor's ticket and pass; untrusted until `token.ts` has read them. */

/** How long a browser keeps a ticket, seconds. The place itself lapses much earlier. */
const TICKET_COOKIE_S = 86_400;

/** Return the name of the cookie that holds a room's ticket. */
export function ticketCookieName(room: string): string {
  return `waitroom_ticket_${room}`;
}

/** Return the name of the cookie that holds a room's pass. */
export function passCookieName(room: string): string {
  return `waitroom_pass_${room}`;
}

/** Return the Set-Cookie value that gives a browser a ticket; an empty one takes it away. */
export function ticketCookie(room: string, token: string, secure: boolean): string {
  return cookie(ticketCookieName(room), token, token ? TICKET_COOKIE_S : 0, secure);
}

/**
 * Return the Set-Cookie value that gives a browser a pass.
 *
 * The browser keeps it longer than the seat lasts, by one session: an expired pass opens
 * nothing, but tells the gate which renewed pass has taken its place.
 * @param leftMs How long the seat lasts.
 * @param sessionDurationS The room's setting.
 */
export function passCookie(
  room: string,
  token: string,
  leftMs: number,
  sessionDurationS: number,
  secure: boolean,
): string {
  const maxAgeS = Math.floor(Math.max(0, leftMs) / 1000) + sessionDurationS;
  return cookie(passCookieName(room), token, maxAgeS, secure);
}

function cookie(name: string, token: string, maxAgeS: number, secure: boolean): string {
  const safe = secure ? "; Secure" : "";
  return `${name}=${token}${safe}; HttpOnly; Max-Age=${maxAgeS}; Path=/; SameSite=Lax`;
}
