/**
 * The Worker: guards a site in front of its origin. Requests below `/__waitroom/` go to the
 * waiting room's service; a visitor with a pass costs one signature check and no call.
 */

import { type Env, ConfigError } from "./env";
import { Gate } from "./gate";
import { awayReply, jsonReply } from "./replies";
import { platform } from "./runtime";
import { visitFrom } from "./visit";

let gate: Gate | undefined;
let madeFor: Env | undefined;

export default {
  async fetch(request, env, context): Promise<Response> {
    try {
      if (gate === undefined || madeFor !== env) {
        gate = new Gate(env, platform);
        madeFor = env;
      }
      return await gate.answer(request, context);
    } catch (error) {
      return failed(request, error);
    }
  },
} satisfies ExportedHandler<Env>;

/** Whatever goes wrong, nobody walks past the room; and a message might quote a token. */
async function failed(request: Request, error: unknown): Promise<Response> {
  if (error instanceof ConfigError) {
    console.error(error.message);
    const detail = "The edge is not set up; its log says what is missing.";
    return jsonReply(500, "not_configured", detail);
  }
  const known = error instanceof Error;
  console.error(known ? error.name : "unknown error", known ? frames(error) : "");
  return awayReply(visitFrom(request, 0));
}

function frames(error: Error): string {
  return (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).join("\n");
}
