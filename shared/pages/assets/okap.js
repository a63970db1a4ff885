// okap.js: asks the person's own vault for access to AI models, in a popup (OKAP 1.0).
//
//   <script src="https://vault.example.com/assets/okap.js"></script>       the global `okap`
//   import { request } from "https://vault.example.com/assets/okap.mjs";   the same as a module; types in okap.d.ts
//
//   button.addEventListener("click", async () => {
//     const answer = await okap.request("https://vault.example.com", {
//       authorization_details: [{ type: "ai_model_access", provider: "openai", models: ["gpt-4o-mini"] }],
//       client: { name: "Garden planner" },
//     });
//     if (answer.status === "granted") use(answer.token, answer.authorization_details[0].base_url);
//   });
//
// No dependencies. Messages are sent to the vault's exact origin and taken from nowhere else, and the
// vault answers the exact origin of the page that asked.
"use strict";

(() => {
  const LOOK_EVERY = 500;
  const SIZE = { width: 560, height: 820 };

  /** Why there is no answer: `code` is popup_blocked, popup_closed, aborted, not_a_vault or what the vault says. */
  class OkapError extends Error {
    constructor(code, message) {
      super(message);
      this.name = "OkapError";
      this.code = code;
    }
  }

  function originOf(vault) {
    const url = new URL(vault);
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    if (url.protocol !== "https:" && !(url.protocol === "http:" && local)) {
      throw new OkapError("not_a_vault", "a vault's address begins with https://");
    }
    return url.origin;
  }

  function open(origin) {
    const left = Math.max(0, Math.round(screenX + (outerWidth - SIZE.width) / 2));
    const top = Math.max(0, Math.round(screenY + (outerHeight - SIZE.height) / 2));
    const features = `popup,width=${SIZE.width},height=${SIZE.height},left=${left},top=${top}`;
    return window.open(`${origin}/okap/popup?origin=${encodeURIComponent(location.origin)}`, "_blank", features);
  }

  function request(vault, asked, { signal } = {}) {
    return new Promise((resolve, reject) => {
      const origin = originOf(vault);
      signal?.throwIfAborted();
      const popup = open(origin);
      if (!popup) throw new OkapError("popup_blocked", "the browser blocked the vault's window; ask from a click");

      const watch = setInterval(() => {
        if (popup.closed) end(() => reject(new OkapError("popup_closed", "the vault's window was closed")));
      }, LOOK_EVERY);
      const abort = () => {
        popup.close();
        end(() => reject(new OkapError("aborted", "the request was withdrawn")));
      };

      function end(settle) {
        clearInterval(watch);
        window.removeEventListener("message", listen);
        signal?.removeEventListener("abort", abort);
        settle();
      }

      function listen(event) {
        if (event.source !== popup || event.origin !== origin) return;
        const { type, ...told } = event.data ?? {};
        if (type === "OKAP_READY") {
          const { authorization_details, client } = asked;
          popup.postMessage({ type: "OKAP_REQUEST", okap: "1.0", authorization_details, client }, origin);
        } else if (type === "OKAP_DECIDED") {
          popup.postMessage({ type: "OKAP_COLLECT" }, origin);
        } else if (type === "OKAP_RESPONSE" && told.status === "error") {
          end(() => reject(new OkapError(told.error.type, told.error.message)));
        } else if (type === "OKAP_RESPONSE") {
          end(() => resolve(told));
        }
      }

      window.addEventListener("message", listen);
      signal?.addEventListener("abort", abort);
    });
  }

  globalThis.okap = Object.freeze({ request, OkapError });
})();
