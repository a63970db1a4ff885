// The page on which a request is decided.
"use strict";

// Leaves the page once the request is decided somewhere else: through the API, or in another
// window. Loading it again goes where the server then leads: back to the app, or to how it stands.
//
//   <section data-decided="/api/v1/requests/ID" data-live="/inbox/live">…</section>

function leaveWhenDecided(region) {
  const events = new EventSource(region.dataset.live);
  let running = false;
  let again = false;

  async function look() {
    // What changed since the answer under way was written is not in it.
    again = running;
    if (running) return;
    running = true;
    try {
      const answer = await fetch(region.dataset.decided, {
        credentials: "same-origin",
        headers: { accept: "application/json" },
        redirect: "manual",
      });
      if (answer.ok && (await answer.json()).state !== "pending") location.replace(location.pathname);
    } catch {
      // The next change, or the person's own decision, looks again.
    } finally {
      running = false;
      if (again) look();
    }
  }

  events.addEventListener("changed", look);
  // This page's own decision is on its way and leads on by itself.
  document.addEventListener("submit", () => events.close());
  window.addEventListener("pagehide", () => events.close());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

document.querySelectorAll("[data-decided][data-live]").forEach(leaveWhenDecided);

// Says what a yes comes to as the form stands, as the server works it out.
//
//   <div data-outcome="/requests/ID/preview" data-outcome-of="FORM">…</div>
function sayOutcome(region) {
  const form = document.getElementById(region.dataset.outcomeOf);
  let timer;
  let asked = 0;

  async function ask() {
    asked += 1;
    const turn = asked;
    try {
      const answer = await fetch(region.dataset.outcome, {
        method: "POST",
        credentials: "same-origin",
        headers: { accept: "text/html" },
        body: new URLSearchParams(new FormData(form)),
        redirect: "manual",
      });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      // Of two answers under way, the one about the form as it is now is shown.
      if (turn === asked) region.replaceChildren(...document.adoptNode(fresh).childNodes);
    } catch {
      // The page sent with the decision says it again.
    }
  }

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 250);
  };
  form.addEventListener("input", soon);
  // What a browser fills in again when one comes back is no input. What was sent is said already.
  window.addEventListener("pageshow", () => isAsSent(form) || soon());
}

function isAsSent(form) {
  const sent = form.cloneNode(true);
  sent.reset();
  return asText(sent) === asText(form);
}

function asText(form) {
  return new URLSearchParams(new FormData(form)).toString();
}

document.querySelectorAll("[data-outcome]").forEach(sayOutcome);
