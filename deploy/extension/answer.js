// Answers a page's OKAP_REQUEST from the vault whose address stands in the options.
//
// Runs in a world of its own beside the page: the page cannot reach it, nor learn the vault's address
// before its person has seen the vault's window. The request goes to the vault in a popup (okap.js),
// under the page's own origin, for which the browser vouches; nothing is decided here.
"use strict";

(() => {
  let busy = false;

  function answer(told, id) {
    const message = { type: "OKAP_RESPONSE", okap: "1.0", ...told, ...(id !== undefined && { id }) };
    // To this very page, wherever the browser says it is.
    window.postMessage(message, location.origin);
  }

  const refused = (type, message) => ({ status: "error", error: { type, message } });

  async function ask(asked) {
    const { vault } = await chrome.storage.local.get("vault");
    if (!vault) return refused("no_vault", "no vault's address stands in the extension's options");
    try {
      return await okap.request(vault, asked);
    } catch (error) {
      return refused(error.code ?? "failed", error.message);
    }
  }

  window.addEventListener("message", async (event) => {
    const ours = event.source === window && event.origin === location.origin;
    if (!ours || event.data?.type !== "OKAP_REQUEST") return;
    const { id, authorization_details, client } = event.data;
    // One window at a time, as a person reads one at a time.
    if (busy) return answer(refused("busy", "the vault is open already"), id);
    busy = true;
    try {
      answer(await ask({ authorization_details, client }), id);
    } finally {
      busy = false;
    }
  });
})();
