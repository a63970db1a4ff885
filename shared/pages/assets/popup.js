// The vault's side of a popup: takes what the page that opened it asks, and hands it the answer.
//
// Messages are taken from the opener alone and only under the one origin that this page was opened
// for, and are sent to that origin alone. The answer is fetched when the opener has said that it is
// there, so that it is not spent on a page that has gone.
"use strict";

(() => {
  const place = document.querySelector("[data-okap]");
  const signIn = document.querySelector("[data-okap-sign-in]");
  // Back from signing in elsewhere.
  if (signIn) window.addEventListener("focus", () => location.reload());
  if (!place) return;
  const { okap: step, origin, csrf, request } = place.dataset;
  const PATIENCE = 5000;

  function say(text, next) {
    place.querySelector("[data-okap-state]").textContent = text;
    if (next) place.querySelector("[data-okap-next]").hidden = false;
  }

  function tell(message) {
    // The browser drops it when the opener is of another origin by now.
    window.opener.postMessage(message, origin);
  }

  // The opener's message of this type, or nothing when it does not come in time.
  function hear(type) {
    return new Promise((resolve) => {
      const late = setTimeout(() => done(null), PATIENCE);
      function listen(event) {
        const ours = event.source === window.opener && event.origin === origin;
        if (ours && event.data?.type === type) done(event);
      }
      function done(event) {
        clearTimeout(late);
        window.removeEventListener("message", listen);
        resolve(event);
      }
      window.addEventListener("message", listen);
    });
  }

  async function post(path, body) {
    const answer = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      redirect: "error",
      headers: { "x-csrf-token": csrf, accept: "application/json", ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return { ok: answer.ok, told: text ? JSON.parse(text) : {} };
  }

  async function ask() {
    const coming = hear("OKAP_REQUEST");
    tell({ type: "OKAP_READY" });
    const event = await coming;
    if (!event) return say("The page that opened this window asked for nothing. You can close it.");
    const { okap, authorization_details, client } = event.data;
    const { ok, told } = await post("/okap/popup/requests", {
      origin: event.origin,
      request: { okap, authorization_details, client },
    });
    if (ok) return location.replace(told.decide);
    const error = { type: "request_refused", message: told.detail ?? "the vault refused the request" };
    tell({ type: "OKAP_RESPONSE", okap: "1.0", status: "error", error });
    say(`${place.dataset.origin} asked for something that cannot be given: ${error.message}`);
  }

  async function handOver() {
    const coming = hear("OKAP_COLLECT");
    tell({ type: "OKAP_DECIDED" });
    if (!(await coming)) return giveUp();
    const { ok, told } = await post(`/okap/popup/requests/${request}/collect`);
    if (!ok) return say(told.detail ?? "The answer could not be handed over.", true);
    tell({ type: "OKAP_RESPONSE", ...told });
    say("Done. You can close this window.", true);
    window.close();
  }

  async function giveUp() {
    await post(`/okap/popup/requests/${request}/give-up`);
    say("The page that asked has gone, so it got nothing. You can close this window.", true);
  }

  async function run() {
    if (step === "ask" && window.opener) return ask();
    if (step === "ask") return say("No page is waiting for this window. You can close it.");
    return window.opener ? handOver() : giveUp();
  }
  run().catch(() => say("The vault cannot be reached just now. Close this window and try again."));
})();
