// Types of okap.js: `import { request } from "https://vault.example.com/assets/okap.mjs"`, or the global `okap`.

/** What is asked for at one provider (RFC 9396). */
export interface ModelAccess {
  type: "ai_model_access";
  provider: string;
  /** Ids, or `prefix*`; left out: every model. */
  models?: string[];
  capabilities?: Capability[];
  limits?: Limits;
  /** An RFC 3339 instant, or a date. */
  expires?: string;
  /** In your words, for the person. */
  reason?: string;
}

export type Capability = "chat" | "completions" | "embeddings" | "images" | "audio" | "moderation" | "code" | "vision";

export interface Limits {
  /** US dollars. */
  monthly_spend?: number;
  /** US dollars. */
  daily_spend?: number;
  requests_per_minute?: number;
  requests_per_day?: number;
  tokens_per_request?: number;
}

/** What was granted at one provider, which may be less than was asked for. */
export interface GrantedAccess extends ModelAccess {
  /** Where to call the provider, with the token in place of its key. */
  base_url: string;
  expires: string;
}

export interface AccessRequest {
  authorization_details: ModelAccess[];
  client: {
    name: string;
    /** Of this page's own origin; left out: this page's origin. */
    url?: string;
  };
}

export type Answer =
  | { okap: "1.0"; status: "granted"; token: string; authorization_details: GrantedAccess[] }
  | { okap: "1.0"; status: "denied"; reason: string };

/** Why there is no answer. */
export class OkapError extends Error {
  /** The vault's own word when it refuses what was asked: `request_refused`. */
  readonly code: "popup_blocked" | "popup_closed" | "aborted" | "not_a_vault" | "request_refused";
}

/**
 * Opens the vault in a popup and gives the person's answer. Call it from a click: browsers block other popups.
 *
 * @param vault the vault's address, such as `https://vault.example.com`
 */
export function request(vault: string, asked: AccessRequest, options?: { signal?: AbortSignal }): Promise<Answer>;

export as namespace okap;
