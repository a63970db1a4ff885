// Leaves the page of a request once it is decided somewhere else: through the API, or in another
// window. Loading it again goes where the server then leads: back to the app, or to how it stands.
//
//   <section data-decided="/api/v1/requests/ID" data-live="/inbox/live">…</section>
"use strict";

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
